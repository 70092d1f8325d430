#include "hub/outbox.hpp"

#include <algorithm>

namespace gatecast::hub {

void Outbox::put_copy(std::string_view bytes) {
  const Slice* last = queue_ == nullptr || queue_->slices.empty() ? nullptr : &queue_->slices.back();
  const bool room = last != nullptr && last->block && last->block.alone() && last->end == last->block.size() &&
                    last->block.room() >= bytes.size();
  if (!room) return put(whole(BlockRef::copy(bytes)));
  BlockRef block = last->block;
  const std::uint32_t begin = block.size();
  block.append(bytes);
  put({block, begin, block.size()});
}

std::size_t Outbox::gather(iovec* parts, std::size_t max) const {
  if (queue_ == nullptr) return 0;
  const auto& slices = queue_->slices;
  std::size_t used = 0;
  const std::size_t end = std::min<std::size_t>(slices.size(), queue_->held_at);
  for (std::size_t i = queue_->head; i < end; ++i) {
    const auto& s = slices[i];
    char* const begin = s.block.data() + s.begin;
    if (used > 0 && static_cast<char*>(parts[used - 1].iov_base) + parts[used - 1].iov_len == begin) {
      parts[used - 1].iov_len += s.size();
    } else if (used < max) {
      parts[used++] = {begin, s.size()};
    } else {
      break;
    }
  }
  return used;
}

void Outbox::consume(std::size_t taken) {
  if (queue_ == nullptr) return;
  fewer(taken);
  while (taken > 0) {
    auto& s = queue_->slices[queue_->head];
    if (taken < s.size()) {
      s.begin += static_cast<std::uint32_t>(taken);
      queue_->torn = true;
      break;
    }
    taken -= s.size();
    s.block = {};
    ++queue_->head;
    queue_->torn = false;
  }
  give_up_places();
}

void Outbox::give_up_places() {
  auto& [slices, head, bytes, held_at, torn] = *queue_;
  if (head == slices.size() && held_at == kNotHeld) {
    // Idle connections keep nothing.
    queue_.reset();
  } else if (head >= 64 && head * 2 >= slices.size()) {
    // A client that never quite catches up must not keep the places of what it has been sent.
    slices.erase(slices.begin(), slices.begin() + head);
    if (held_at != kNotHeld) held_at -= head;
    head = 0;
  }
}

void Outbox::release(Slice first) {
  auto& queue = *queue_;
  queue.bytes += static_cast<std::uint32_t>(first.size());
  all_bytes_ += first.size();
  queue.slices.insert(queue.slices.begin() + queue.held_at, std::move(first));
  queue.held_at = kNotHeld;
}

void Outbox::drop_held() {
  if (!held()) return;
  auto& slices = queue_->slices;
  for (; slices.size() > queue_->held_at; slices.pop_back()) fewer(slices.back().size());
  queue_->held_at = kNotHeld;
  give_up_places();
}

void Outbox::drop_untorn() {
  if (queue_ == nullptr) return;
  auto& queue = *queue_;
  queue.held_at = kNotHeld;
  const std::size_t keep = queue.torn && queue.head < queue.slices.size() ? 1 : 0;
  queue.slices.resize(queue.head + keep);
  fewer(queue.bytes - (keep == 1 ? queue.slices[queue.head].size() : 0));
  give_up_places();
}

}  // namespace gatecast::hub
