#include "access/held_cache.hpp"

namespace gatecast::access {
namespace {

// Of an entry without grants: its place in list and table.
constexpr std::size_t kEntryBytes = 256;

}  // namespace

HeldRef HeldCache::find(std::string_view user_id) {
  std::lock_guard lock(mutex_);
  const auto at = places_.find(user_id);
  if (at == places_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, at->second);
  return at->second->held;
}

void HeldCache::reading(const std::string& user_id) {
  std::lock_guard lock(mutex_);
  reading_[user_id] = false;
}

HeldRef HeldCache::put(const std::string& user_id, store::UserGrants&& all) {
  HeldRef held = held_of(std::move(all));
  std::lock_guard lock(mutex_);
  const auto reading = reading_.find(user_id);
  if (reading == reading_.end() || std::exchange(reading->second, false)) return nullptr;
  reading_.erase(reading);
  if (const auto old = places_.find(user_id); old != places_.end()) erase(old->second);
  entries_.push_front({user_id, held});
  places_.emplace(user_id, entries_.begin());
  bytes_ += held->bytes + kEntryBytes;
  while (entries_.size() > 1 && (bytes_ > bytes_max_ || entries_.size() > kUsersMax)) erase(std::prev(entries_.end()));
  return held;
}

void HeldCache::give_up(const std::string& user_id) {
  std::lock_guard lock(mutex_);
  reading_.erase(user_id);
}

void HeldCache::erase(Place place) {
  bytes_ -= place->held->bytes + kEntryBytes;
  places_.erase(place->user_id);
  entries_.erase(place);
}

void HeldCache::note_change(const std::string& user_id) {
  const auto at = reading_.find(user_id);
  if (at != reading_.end()) at->second = true;
}

void HeldCache::apply(const store::GrantChange& change) {
  if (change.news == store::GrantNews::none) return;
  std::lock_guard lock(mutex_);
  note_change(change.grant.user_id);
  const auto at = places_.find(change.grant.user_id);
  if (at == places_.end()) return;
  auto& entry = *at->second;
  HeldRef next = held_after(*entry.held, change);
  if (next == nullptr) return erase(at->second);
  bytes_ += next->bytes;
  bytes_ -= entry.held->bytes;
  entry.held = std::move(next);
}

void HeldCache::forget(const std::string& user_id) {
  std::lock_guard lock(mutex_);
  note_change(user_id);
  if (const auto at = places_.find(user_id); at != places_.end()) erase(at->second);
}

bool HeldCache::forget_before(const std::string& user_id, std::uint64_t version) {
  std::lock_guard lock(mutex_);
  const auto at = places_.find(user_id);
  if (at != places_.end() && at->second->held->version >= version) return false;
  note_change(user_id);
  if (at != places_.end()) erase(at->second);
  return true;
}

void HeldCache::forget_all() {
  std::lock_guard lock(mutex_);
  for (auto& [user_id, changed] : reading_) changed = true;
  places_.clear();
  entries_.clear();
  bytes_ = 0;
}

std::size_t HeldCache::users() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace gatecast::access
