#include "session/revocation_index.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "crypto/random.hpp"

namespace gatecast::session {
namespace {

// At half load the longest run of used slots stays well below this, also in a table of two million.
constexpr std::size_t kProbe = 128;
// Values of Slot::low that are no key.
constexpr std::uint64_t kEmpty = 0;      // never used: a search ends here
constexpr std::uint64_t kRewritten = 1;  // being given to another key: a search passes

std::uint64_t meta_of(std::int64_t until, Errc reason) {
  return static_cast<std::uint64_t>(until) << 16 | static_cast<std::uint64_t>(reason);
}
Errc reason_of(std::uint64_t meta) { return static_cast<Errc>(meta & 0xffff); }

SipKey random_key() {
  std::array<std::uint8_t, 16> bytes{};
  crypto::random_fill(bytes);
  return std::bit_cast<SipKey>(bytes);
}

}  // namespace

// A slot is written in the order low = kRewritten, high, meta, low = key, each a release. A reader takes low, high,
// meta, then low again, each an acquire: had meta been another key's, the second low would no longer be this key's.
struct RevocationIndex::Slot {
  std::atomic<std::uint64_t> low{kEmpty};
  std::atomic<std::uint64_t> high{0};
  std::atomic<std::uint64_t> meta{0};  // until << 16 | reason; 0: free

  bool is_free() const { return meta.load(std::memory_order_relaxed) == 0; }
};

struct RevocationIndex::Table {
  explicit Table(std::size_t slots) : mask(slots - 1), slots_(std::make_unique<Slot[]>(slots)) {}

  Slot& at(std::uint64_t i) { return slots_[i & mask]; }
  std::size_t size() const { return mask + 1; }
  std::uint64_t index_of(const Slot* slot) const { return static_cast<std::uint64_t>(slot - slots_.get()); }

  /// Puts a key that is not there into the first free slot of its reach; false: there is none.
  bool place(const Hash128& hash, std::uint64_t meta) {
    for (std::uint64_t i = 0; i < kProbe; ++i) {
      Slot& slot = at(hash.low + i);
      if (!slot.is_free()) continue;
      slot.low.store(kRewritten, std::memory_order_release);
      slot.high.store(hash.high, std::memory_order_release);
      slot.meta.store(meta, std::memory_order_release);
      slot.low.store(hash.low, std::memory_order_release);
      return true;
    }
    return false;
  }

  const std::uint64_t mask;

 private:
  std::unique_ptr<Slot[]> slots_;
};

RevocationIndex::RevocationIndex(const Options& options)
    : options_{options.token_life, std::max<std::size_t>(1, options.entries_max), options.slots_at_start},
      key_(random_key()),
      floor_(std::numeric_limits<std::int64_t>::max()),
      dropped_floor_(std::numeric_limits<std::int64_t>::min()) {
  tables_.push_back(std::make_unique<Table>(std::bit_ceil(std::max(options.slots_at_start, 2 * kProbe))));
  table_.store(tables_.back().get(), std::memory_order_release);
}

RevocationIndex::~RevocationIndex() = default;

Hash128 RevocationIndex::hash_of(std::string_view sid) const {
  Hash128 hash = sip_hash_128(key_, sid);
  if (hash.low <= kRewritten) hash.low += 2;
  return hash;
}

RevocationIndex::Slot* RevocationIndex::find(const Hash128& hash) const {
  Table& table = *table_.load(std::memory_order_acquire);
  for (std::uint64_t i = 0; i < kProbe; ++i) {
    Slot& slot = table.at(hash.low + i);
    const std::uint64_t low = slot.low.load(std::memory_order_acquire);
    if (low == kEmpty) return nullptr;
    if (low == hash.low && slot.high.load(std::memory_order_acquire) == hash.high) return &slot;
  }
  return nullptr;
}

Standing RevocationIndex::standing(std::string_view sid, std::int64_t issued, std::int64_t expires) const {
  const Hash128 hash = hash_of(sid);
  if (const Slot* slot = find(hash)) {
    const std::uint64_t meta = slot->meta.load(std::memory_order_acquire);
    const bool same = slot->low.load(std::memory_order_acquire) == hash.low;
    if (meta != 0 && same) return {Standing::Kind::ended, reason_of(meta)};
  }
  // Read after the table: who drops an entry raises the floor first.
  if (issued <= floor_.load(std::memory_order_acquire)) return {Standing::Kind::ask_store};
  if (expires - issued > options_.token_life.count()) return {Standing::Kind::ask_store};
  return {};
}

RevocationIndex::Added RevocationIndex::add(std::string_view sid, Errc reason, WallTime ended_at, WallTime now) {
  const std::int64_t until = unix_seconds(ended_at + options_.token_life + kClockSkewMax) + 1;
  const Hash128 hash = hash_of(sid);
  std::lock_guard lock(writer_);
  if (until <= unix_seconds(now)) {
    raise_floor(floor_without(until));
    return Added::expired;
  }
  if (const Slot* slot = find(hash); slot != nullptr && !slot->is_free()) return Added::known;
  if (entries_ >= options_.entries_max) drop_first();
  insert(hash, meta_of(until, reason));
  due_.push({until, hash});
  return Added::added;
}

void RevocationIndex::insert(const Hash128& hash, std::uint64_t meta) {
  if (entries_ >= tables_.back()->size() / 2) grow();
  while (!tables_.back()->place(hash, meta)) grow();
  ++entries_;
}

void RevocationIndex::grow() {
  Table& old = *tables_.back();
  for (std::size_t slots = old.size() * 2;; slots *= 2) {
    auto table = std::make_unique<Table>(slots);
    bool placed = true;
    for (std::uint64_t i = 0; i < old.size() && placed; ++i) {
      const Slot& slot = old.at(i);
      if (slot.is_free()) continue;
      const Hash128 hash{slot.low.load(std::memory_order_relaxed), slot.high.load(std::memory_order_relaxed)};
      placed = table->place(hash, slot.meta.load(std::memory_order_relaxed));
    }
    if (!placed) continue;
    tables_.push_back(std::move(table));
    table_.store(tables_.back().get(), std::memory_order_release);
    return;
  }
}

void RevocationIndex::erase(const Hash128& hash) {
  Slot* slot = find(hash);
  if (slot == nullptr || slot->is_free()) return;
  slot->meta.store(0, std::memory_order_release);
  --entries_;
  // A free slot before an empty one ends no search that could go on, so it becomes empty: else searches would in time
  // pass over nothing but free slots.
  Table& table = *tables_.back();
  const auto is_empty = [&table](std::uint64_t i) { return table.at(i).low.load(std::memory_order_relaxed) == kEmpty; };
  for (std::uint64_t i = table.index_of(slot); table.at(i).is_free() && !is_empty(i) && is_empty(i + 1); --i) {
    table.at(i).low.store(kEmpty, std::memory_order_release);
  }
}

// The last moment at which a token of a session could be issued whose entry lives until then.
std::int64_t RevocationIndex::floor_without(std::int64_t until) const { return until - options_.token_life.count(); }

void RevocationIndex::drop_first() {
  const Due first = due_.top();
  due_.pop();
  raise_floor(floor_without(first.until));
  erase(first.hash);
}

void RevocationIndex::raise_floor(std::int64_t to) {
  dropped_floor_ = std::max(dropped_floor_, to);
  if (to > floor_.load(std::memory_order_relaxed)) floor_.store(to, std::memory_order_release);
}

void RevocationIndex::complete_since(WallTime since) {
  std::lock_guard lock(writer_);
  floor_.store(std::max(unix_seconds(since + kClockSkewMax), dropped_floor_), std::memory_order_release);
}

void RevocationIndex::reclaim(WallTime now) {
  std::lock_guard lock(writer_);
  while (!due_.empty() && due_.top().until <= unix_seconds(now)) drop_first();
}

std::size_t RevocationIndex::entries() const {
  std::lock_guard lock(writer_);
  return entries_;
}

std::size_t RevocationIndex::slots() const {
  std::lock_guard lock(writer_);
  return tables_.back()->size();
}

}  // namespace gatecast::session
