// What waits to be sent to one client outside the logs: replies, pushes, frames of small channels, and a torn frame.
//
// Order: what is put in first goes out first; the rest of a torn frame is at the front. Owner: a Client; threads: its
// shard. Bounds: the hub compares `bytes()` with its limit. Empty, it holds no memory of its own.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <vector>

#include "hub/block.hpp"

namespace gatecast::hub {

class Outbox {
 public:
  bool empty() const { return head_ == slices_.size(); }
  std::size_t bytes() const { return bytes_; }
  /// Places held, those of slices already sent included.
  std::size_t places() const { return slices_.size(); }

  void put(Slice slice) {
    bytes_ += static_cast<std::uint32_t>(slice.size());
    slices_.push_back(std::move(slice));
  }
  /// Puts the rest of a torn frame in front; the outbox is empty (logs are only read then).
  void put_torn(Slice rest) {
    put(std::move(rest));
    torn_ = true;
  }
  std::size_t gather(iovec* parts, std::size_t max) const;
  /// Removes what the kernel took; at most bytes().
  void consume(std::size_t taken);
  /// Drops everything but the rest of a frame that has been sent in part: that one must be finished.
  void drop_untorn();

 private:
  void give_up_places();

  std::vector<Slice> slices_;
  std::uint32_t head_ = 0;  // first slice not yet sent whole
  std::uint32_t bytes_ = 0;
  bool torn_ = false;  // the first slice has lost its beginning
};

}  // namespace gatecast::hub
