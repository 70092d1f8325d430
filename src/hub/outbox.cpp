#include "hub/outbox.hpp"

namespace gatecast::hub {

std::size_t Outbox::gather(iovec* parts, std::size_t max) const {
  std::size_t used = 0;
  for (std::size_t i = head_; i < slices_.size() && used < max; ++i) {
    const auto& s = slices_[i];
    parts[used++] = {s.block.data() + s.begin, s.size()};
  }
  return used;
}

void Outbox::consume(std::size_t taken) {
  bytes_ -= static_cast<std::uint32_t>(taken);
  while (taken > 0) {
    auto& s = slices_[head_];
    if (taken < s.size()) {
      s.begin += static_cast<std::uint32_t>(taken);
      torn_ = true;
      break;
    }
    taken -= s.size();
    s.block = {};
    ++head_;
    torn_ = false;
  }
  give_up_places();
}

void Outbox::give_up_places() {
  if (empty()) {
    // Idle connections keep nothing.
    std::vector<Slice>().swap(slices_);
    head_ = 0;
  } else if (head_ >= 64 && head_ * 2 >= slices_.size()) {
    // A client that never quite catches up must not keep the places of what it has been sent.
    slices_.erase(slices_.begin(), slices_.begin() + head_);
    head_ = 0;
  }
}

void Outbox::drop_untorn() {
  const std::size_t keep = torn_ && !empty() ? 1 : 0;
  slices_.resize(head_ + keep);
  bytes_ = keep == 1 ? static_cast<std::uint32_t>(slices_[head_].size()) : 0;
  give_up_places();
}

}  // namespace gatecast::hub
