#include "server/checks/self_checks.hpp"

#include "server/checks/check_config.hpp"
#include "server/checks/check_host.hpp"

namespace gatecast::server {

SelfChecks::SelfChecks(Config config, const Clock& clock)
    : clock_(clock), wall_(clock.wall()), steady_(clock.steady()), config_(std::move(config)) {}

void SelfChecks::use(const Config& fresh) {
  std::lock_guard lock(mutex_);
  config_.token.keys = fresh.token.keys;
  config_.token.trusted = fresh.token.trusted;
  config_.session.keys = fresh.session.keys;
  config_.api_keys = fresh.api_keys;
  config_.http.tls = fresh.http.tls;
  config_.ops.tls = fresh.ops.tls;
  config_.log = fresh.log;
}

Checks SelfChecks::now() const {
  const Config config = [this] {
    std::lock_guard lock(mutex_);
    return config_;
  }();
  const auto wall = clock_.wall();
  Checks out = check_values(config);
  for (auto part : {check_keys(config, wall), check_host(config, look_at_host(config, wall, true))}) {
    out.insert(out.end(), std::make_move_iterator(part.begin()), std::make_move_iterator(part.end()));
  }
  return out;
}

Task<Checks> SelfChecks::ask() {
  co_return co_await arrival<Checks>([this](Resume<Checks> resume) {
    {
      std::lock_guard lock(mutex_);
      if (!closed_) {
        waiting_.push_back(std::move(resume));
        if (looking_) return;
        looking_ = true;
        // The one before has given its outcome and is about to end.
        if (thread_.joinable()) thread_.join();
        thread_ = std::thread([this] { look(); });
        return;
      }
    }
    resume({});
  });
}

void SelfChecks::look() {
  const auto seen = now();
  std::vector<Resume<Checks>> waiting;
  {
    std::lock_guard lock(mutex_);
    waiting.swap(waiting_);
    looking_ = false;
  }
  for (auto& resume : waiting) resume(seen);
}

Duration SelfChecks::clock_drift() const { return (clock_.wall() - wall_) - (clock_.steady() - steady_); }

void SelfChecks::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  // Whoever began a look before is answered by it.
  if (thread_.joinable()) thread_.join();
}

}  // namespace gatecast::server
