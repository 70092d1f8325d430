#include "session/last_seen.hpp"

#include <algorithm>

namespace gatecast::session {

bool LastSeen::note(std::string_view sid, WallTime at) {
  Stripe& stripe = stripes_[Hash{}(sid) % kStripes];
  std::lock_guard lock(stripe.mutex);
  if (auto found = stripe.seen.find(sid); found != stripe.seen.end()) {
    found->second = std::max(found->second, at);
    return true;
  }
  if (stripe.seen.size() >= stripe_max_) return false;
  stripe.seen.emplace(sid, at);
  return true;
}

LastSeen::Seen LastSeen::take() {
  Seen out;
  for (Stripe& stripe : stripes_) {
    std::lock_guard lock(stripe.mutex);
    for (auto& [sid, at] : stripe.seen) out.emplace_back(sid, at);
    stripe.seen.clear();
  }
  return out;
}

void LastSeen::put_back(const Seen& seen) {
  for (const auto& [sid, at] : seen) note(sid, at);
}

}  // namespace gatecast::session
