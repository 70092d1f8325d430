// The shared log of one channel in one form: frames encoded once, lying one after another, read by cursors.
//
// A cursor is the number of the next frame its subscriber needs; a whole run from a cursor to the end goes out as one
// contiguous send per segment. Owner: a channel of a shard's hub; threads: that shard. Bounds: the hub compares
// `bytes()` with its limits; segments are freed when every cursor has passed (`free_below`).
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "hub/block.hpp"

namespace gatecast::hub {

class Log {
 public:
  static constexpr std::size_t kSegmentBytes = 16 * 1024;

  /// The number the next frame will get: a cursor that has read everything.
  std::uint64_t end() const { return next_; }
  std::size_t bytes() const { return bytes_; }
  bool empty() const { return segments_.empty(); }
  std::uint64_t oldest() const { return segments_.empty() ? next_ : segments_.front().first; }

  void append(std::string_view frame);

  /// Writes the runs from `cursor` to the end into `parts`; gives how many it used (at most `max`).
  std::size_t gather(std::uint64_t cursor, iovec* parts, std::size_t max) const;
  /// Bytes from `cursor` to the end.
  std::size_t bytes_from(std::uint64_t cursor) const;

  struct Advanced {
    std::uint64_t cursor;         // the first frame of which no byte was taken
    std::optional<Slice> torn{};  // the rest of a frame that was taken in part
  };
  /// Where a cursor stands after the kernel took `taken` bytes from it on (at most bytes_from(cursor)).
  Advanced advance(std::uint64_t cursor, std::size_t taken) const;
  /// The frames from `cursor` to the end as slices that outlive the log.
  void slices_from(std::uint64_t cursor, std::vector<Slice>& out) const;

  /// Frees the segments whose frames all lie below `cursor`.
  void free_below(std::uint64_t cursor);

 private:
  struct Segment {
    std::uint64_t first;  // number of its first frame
    BlockRef block;
    std::vector<std::uint32_t> ends;  // ends[i]: where frame first + i ends
    std::uint64_t last() const { return first + ends.size(); }
    std::uint32_t begin_of(std::uint64_t frame) const { return frame == first ? 0 : ends[frame - first - 1]; }
  };
  /// Index of the segment that holds `cursor`, or segments_.size() where the cursor is at the end.
  std::size_t find(std::uint64_t cursor) const;

  std::deque<Segment> segments_;
  std::uint64_t next_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace gatecast::hub
