#include "net/mailbox.hpp"

namespace gatecast::net {

void Mailbox::push_control(Fn fn) {
  std::lock_guard lock(mutex_);
  control_.push_back(std::move(fn));
}

bool Mailbox::push_data(std::size_t bytes, Fn fn) {
  std::lock_guard lock(mutex_);
  if (data_.size() >= count_max_ || data_bytes_ + bytes > bytes_max_) return false;
  data_bytes_ += bytes;
  data_.push_back({bytes, std::move(fn)});
  return true;
}

void Mailbox::drain_control() {
  {
    std::lock_guard lock(mutex_);
    running_control_.swap(control_);
    // Data comes out in the same moment: what is pushed later is later than every control message that is yet to run.
    if (taken_next_ == taken_.size()) {
      taken_.clear();
      taken_next_ = 0;
      taken_.swap(data_);
      data_bytes_ = 0;
    }
  }
  for (auto& fn : running_control_) fn();
  running_control_.clear();
}

bool Mailbox::drain_data(std::size_t bytes_max) {
  std::size_t taken = 0;
  while (taken < bytes_max && taken_next_ < taken_.size()) {
    auto& item = taken_[taken_next_++];
    taken += item.bytes + 1;
    item.fn();
    item.fn = nullptr;
  }
  return has_data();
}

bool Mailbox::has_data() const {
  if (taken_next_ < taken_.size()) return true;
  std::lock_guard lock(mutex_);
  return !data_.empty();
}

}  // namespace gatecast::net
