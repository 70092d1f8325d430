#include "server/socket/user_counts.hpp"

namespace gatecast::server {

bool UserCounts::enter(std::string_view user, std::uint64_t max) {
  std::lock_guard lock(mutex_);
  auto& count = counts_[std::string(user)];
  // An entry that was just made is kept: a limit is at least one.
  if (count >= max) return false;
  ++count;
  return true;
}

void UserCounts::leave(std::string_view user) {
  std::lock_guard lock(mutex_);
  auto found = counts_.find(std::string(user));
  if (found != counts_.end() && --found->second == 0) counts_.erase(found);
}

}  // namespace gatecast::server
