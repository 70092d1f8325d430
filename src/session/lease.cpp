#include "session/lease.hpp"

namespace gatecast::session {

Task<bool> Lease::keep() {
  if (holder_.empty()) co_return true;
  const SteadyTime began = clock_.steady();
  if (held() && began - renewed_ < kRenewEvery) co_return true;
  Result<bool> taken = co_await store_.lease(name_, holder_, kLife);
  if (taken.has_value()) {
    if (*taken && !held()) ++term_;
    until_ = *taken ? began + kLife - kMargin : SteadyTime{};
    renewed_ = began;
  }
  co_return held();
}

Task<void> Lease::give_back() {
  if (holder_.empty() || until_ == SteadyTime{}) co_return;
  until_ = {};
  static_cast<void>((co_await store_.lease(name_, holder_, std::chrono::milliseconds{0})).has_value());
}

}  // namespace gatecast::session
