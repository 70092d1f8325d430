#include "session/control_feed.hpp"

#include <cstdlib>

namespace gatecast::session {

ControlFeed::~ControlFeed() {
  if (running_) std::abort();
}

Task<Result<void>> ControlFeed::fresh() {
  Loop* const loop = loop_.load(std::memory_order_acquire);
  if (loop == nullptr) co_return fail(Errc::temporarily_unavailable, "the control log is not read yet");
  const auto ask = [this, loop](Resume<Result<void>> resume) {
    if (loop == Loop::current()) return join(std::move(resume));
    loop->post([this, resume = std::move(resume)]() mutable { join(std::move(resume)); });
  };
  co_return co_await arrival<Result<void>>(ask);
}

void ControlFeed::join(Resume<Result<void>> resume) {
  if (stopped_) return resume(fail(Errc::cancelled, "the control log is not read any more"));
  waiting_.push_back(std::move(resume));
  if (!running_) spawn(run());
}

// Who comes while a read is under way waits for the next one: what they ask about may have been committed since.
Task<void> ControlFeed::run() {
  running_ = true;
  while (!waiting_.empty()) {
    std::vector<Resume<Result<void>>> served = std::exchange(waiting_, {});
    const Result<void> read = co_await read_();
    for (auto& each : served) each(read);
  }
  running_ = false;
  if (stopping_.has_value()) (*std::exchange(stopping_, std::nullopt))(true);
}

Task<void> ControlFeed::stop() {
  stopped_ = true;
  if (!running_) co_return;
  co_await arrival<bool>([this](Resume<bool> resume) { stopping_.emplace(std::move(resume)); });
}

}  // namespace gatecast::session
