// What waits to be sent to one client outside the logs: replies, pushes, frames of small channels, and a torn frame.
//
// Order: what is put in first goes out first; the rest of a torn frame is at the front. What is put in while it is held
// waits, for the reply that must go before it. Owner: a Client; threads: its shard. Bounds: the hub compares `bytes()`
// with its limit. Empty, it is eight bytes and holds no memory of its own.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "hub/block.hpp"

namespace gatecast::hub {

class Outbox {
 public:
  Outbox() = default;
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;
  ~Outbox() { all_bytes_ -= bytes(); }

  /// What waits in all outboxes of this thread.
  static std::size_t all_bytes() { return all_bytes_; }
  bool empty() const { return queue_ == nullptr; }
  std::size_t bytes() const { return queue_ == nullptr ? 0 : queue_->bytes; }
  /// Places held, those of slices already sent included.
  std::size_t places() const { return queue_ == nullptr ? 0 : queue_->slices.size(); }

  void put(Slice slice) {
    Queue& queue = begun();
    queue.bytes += static_cast<std::uint32_t>(slice.size());
    all_bytes_ += slice.size();
    queue.slices.push_back(std::move(slice));
  }
  /// The same for bytes of this client alone: behind those of the last slice in their block, where it has room, so that
  /// both leave in one piece.
  void put_copy(std::string_view bytes);
  /// Puts the rest of a torn frame in front; the outbox is empty (logs are only read then).
  void put_torn(Slice rest) {
    put(std::move(rest));
    queue_->torn = true;
  }
  void hold() {
    Queue& queue = begun();
    queue.held_at = static_cast<std::uint32_t>(queue.slices.size());
  }
  bool held() const { return queue_ != nullptr && queue_->held_at != kNotHeld; }
  /// `first`, then what was held.
  void release(Slice first);
  /// Drops what was held; no longer holds.
  void drop_held();
  std::size_t gather(iovec* parts, std::size_t max) const;
  /// Removes what the kernel took; at most bytes().
  void consume(std::size_t taken);
  /// Drops everything but the rest of a frame that has been sent in part: that one must be finished.
  void drop_untorn();

 private:
  static constexpr std::uint32_t kNotHeld = ~std::uint32_t{0};

  /// Exists only while something waits or is held.
  struct Queue {
    std::vector<Slice> slices;
    std::uint32_t head = 0;  // first slice not yet sent whole
    std::uint32_t bytes = 0;
    std::uint32_t held_at = kNotHeld;  // from this slice on
    bool torn = false;                 // the first slice has lost its beginning
  };
  /// Most have one or two slices: a reply, a publication.
  static constexpr std::size_t kUsualSlices = 2;

  Queue& begun() {
    if (queue_ == nullptr) {
      queue_ = std::make_unique<Queue>();
      queue_->slices.reserve(kUsualSlices);
    }
    return *queue_;
  }
  void fewer(std::size_t bytes) {
    queue_->bytes -= static_cast<std::uint32_t>(bytes);
    all_bytes_ -= bytes;
  }
  void give_up_places();

  static inline constinit thread_local std::size_t all_bytes_ = 0;
  std::unique_ptr<Queue> queue_;
};

}  // namespace gatecast::hub
