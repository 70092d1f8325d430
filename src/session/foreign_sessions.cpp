#include "session/foreign_sessions.hpp"

#include <mutex>

namespace gatecast::session {

void ForeignSessions::note(const std::string& sid, const std::string& user_id, WallTime until) {
  {
    std::shared_lock lock(mutex_);
    if (seen_.contains(sid) || seen_.size() >= max_) return;
  }
  std::unique_lock lock(mutex_);
  if (seen_.size() < max_) seen_.try_emplace(sid, Seen{user_id, until});
}

std::optional<Errc> ForeignSessions::ended(std::string_view sid, WallTime now) const {
  std::shared_lock lock(mutex_);
  const auto at = ended_.find(sid);
  if (at == ended_.end() || at->second.until <= now) return std::nullopt;
  return at->second.reason;
}

Result<ForeignSessions::Known> ForeignSessions::would_end(const std::string& sid, Errc reason) const {
  std::shared_lock lock(mutex_);
  return judge(sid, reason);
}

Result<ForeignSessions::Known> ForeignSessions::judge(const std::string& sid, Errc reason) const {
  const auto seen = seen_.find(sid);
  Known known{.user_id = seen == seen_.end() ? std::string{} : seen->second.user_id, .reason = reason, .now = true};
  const auto before = ended_.find(sid);
  if (before != ended_.end()) {
    known.reason = before->second.reason;
    known.now = false;
    return known;
  }
  if (ended_.size() >= max_) return fail(Errc::overloaded, "too many ended sessions of trusted issuers");
  return known;
}

Result<ForeignSessions::Known> ForeignSessions::end(const std::string& sid, Errc reason, WallTime at) {
  std::unique_lock lock(mutex_);
  Result<Known> known = judge(sid, reason);
  if (!known.has_value() || !known->now) return known;
  const auto seen = seen_.find(sid);
  ended_.emplace(sid, Ended{reason, seen == seen_.end() ? at + kUnseenFor : seen->second.until});
  return known;
}

void ForeignSessions::reclaim(WallTime now) {
  std::unique_lock lock(mutex_);
  std::erase_if(seen_, [now](const auto& entry) { return entry.second.until <= now; });
  std::erase_if(ended_, [now](const auto& entry) { return entry.second.until <= now; });
}

std::size_t ForeignSessions::seen_count() const {
  std::shared_lock lock(mutex_);
  return seen_.size();
}

std::size_t ForeignSessions::ended_count() const {
  std::shared_lock lock(mutex_);
  return ended_.size();
}

}  // namespace gatecast::session
