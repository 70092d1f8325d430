#include "session/periodic.hpp"

#include <cstdlib>

namespace gatecast::session {

Periodic::~Periodic() {
  if (running_ || timer_ != 0) std::abort();
}

void Periodic::start(Loop& loop) {
  loop_ = &loop;
  stopping_ = false;
  arm();
}

void Periodic::arm() {
  timer_ = loop_->after(every_, [this] {
    timer_ = 0;
    spawn(run());
  });
}

Task<void> Periodic::run() {
  running_ = true;
  co_await work_();
  running_ = false;
  if (!stopping_) arm();
  if (waiting_.has_value()) (*std::exchange(waiting_, std::nullopt))(true);
}

Task<void> Periodic::stop() {
  stopping_ = true;
  if (timer_ != 0) loop_->cancel(std::exchange(timer_, 0));
  if (running_) {
    co_await arrival<bool>([this](Resume<bool> resume) { waiting_.emplace(std::move(resume)); });
  }
}

}  // namespace gatecast::session
