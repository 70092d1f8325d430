#include "core/log_bursts.hpp"

namespace gatecast::log {

Bursts::Slot& Bursts::slot_of(std::string_view event) {
  for (std::size_t i = 0; i < used_; ++i) {
    if (slots_[i].event == event) return slots_[i];
  }
  if (used_ == kBurstEvents) {
    slots_[used_].event = "others";
    return slots_[used_];
  }
  slots_[used_].event = event;
  return slots_[used_++];
}

bool Bursts::admit(std::string_view event, std::int64_t second) {
  if (lines_ == 0) return true;
  std::lock_guard lock(mutex_);
  Slot& slot = slot_of(event);
  if (slot.second != second) {
    slot.second = second;
    slot.lines = 0;
  }
  if (++slot.lines <= lines_) return true;
  ++slot.left_out;
  pending_.store(true, std::memory_order_relaxed);
  return false;
}

void Bursts::take(std::int64_t now, const std::function<void(std::string_view event, std::uint64_t lines)>& fn) {
  std::lock_guard lock(mutex_);
  bool left = false;
  for (Slot& slot : slots_) {
    if (slot.left_out == 0) continue;
    if (slot.second == now) {
      left = true;
    } else {
      fn(slot.event, slot.left_out);
      slot.left_out = 0;
    }
  }
  pending_.store(left, std::memory_order_relaxed);
}

}  // namespace gatecast::log
