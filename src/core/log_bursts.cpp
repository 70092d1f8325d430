#include "core/log_bursts.hpp"

namespace gatecast::log {
namespace {

constexpr std::uint64_t kLow = 0xffffffff;

}  // namespace

Bursts::Slot& Bursts::slot_of(std::string_view event) {
  const std::size_t first = std::hash<std::string_view>{}(event) % kPlaces;
  for (std::size_t i = 0; i < kPlaces; ++i) {
    const std::size_t place = (first + i) % kPlaces;
    Slot* slot = places_[place].load(std::memory_order_acquire);
    if (slot == nullptr) return make_slot(event, place);
    if (slot->event == event) return *slot;
  }
  return slots_.back();
}

Bursts::Slot& Bursts::make_slot(std::string_view event, std::size_t place) {
  std::lock_guard lock(making_);
  // Another thread may have taken places from here on meanwhile, this very event among them.
  for (; places_[place].load(std::memory_order_acquire) != nullptr; place = (place + 1) % kPlaces) {
    if (places_[place].load(std::memory_order_acquire)->event == event) return *places_[place];
  }
  if (used_ == kBurstEvents) return slots_.back();
  Slot& slot = slots_[used_++];
  slot.event = event;
  places_[place].store(&slot, std::memory_order_release);
  return slot;
}

bool Bursts::admit(std::string_view event, std::int64_t second) {
  if (lines_ == 0) return true;
  Slot& slot = slot_of(event);
  const std::uint64_t mine = (static_cast<std::uint64_t>(second) & kLow) << 32;
  std::uint64_t seen = slot.lines.load(std::memory_order_relaxed);
  std::uint64_t now = 0;
  do {
    now = (seen & ~kLow) == mine ? seen + 1 : mine + 1;
  } while (!slot.lines.compare_exchange_weak(seen, now, std::memory_order_relaxed));
  if ((now & kLow) <= lines_) return true;
  slot.left_out.fetch_add(1, std::memory_order_relaxed);
  pending_.store(true, std::memory_order_release);
  return false;
}

void Bursts::take(std::int64_t now, const std::function<void(std::string_view event, std::uint64_t lines)>& fn) {
  // Cleared first: what is counted from here on sets it again, what was counted before is seen below.
  pending_.exchange(false, std::memory_order_acquire);
  const std::uint64_t mine = (static_cast<std::uint64_t>(now) & kLow) << 32;
  std::size_t used = 0;
  {
    std::lock_guard lock(making_);
    used = used_;
  }
  const auto tell = [&](Slot& slot, std::string_view event) {
    if (slot.left_out.load(std::memory_order_relaxed) == 0) return;
    if ((slot.lines.load(std::memory_order_relaxed) & ~kLow) == mine) {
      pending_.store(true, std::memory_order_relaxed);
    } else {
      fn(event, slot.left_out.exchange(0, std::memory_order_relaxed));
    }
  };
  for (std::size_t i = 0; i < used; ++i) tell(slots_[i], slots_[i].event);
  tell(slots_.back(), "others");
}

}  // namespace gatecast::log
