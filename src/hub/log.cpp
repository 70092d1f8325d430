#include "hub/log.hpp"

#include <algorithm>

namespace gatecast::hub {

void Log::append(std::string_view frame) {
  if (segments_.empty() || segments_.back().block.room() < frame.size()) {
    segments_.push_back({next_, BlockRef::make(std::max(kSegmentBytes, frame.size())), {}});
  }
  auto& tail = segments_.back();
  tail.block.append(frame);
  tail.ends.push_back(tail.block.size());
  ++next_;
  bytes_ += frame.size();
}

std::size_t Log::find(std::uint64_t cursor) const {
  // Nearly always the tail, or the one before: from the back.
  std::size_t i = segments_.size();
  while (i > 0 && segments_[i - 1].first > cursor) --i;
  if (i == 0) return 0;
  return cursor < segments_[i - 1].last() ? i - 1 : i;
}

std::size_t Log::gather(std::uint64_t cursor, iovec* parts, std::size_t max) const {
  std::size_t used = 0;
  for (std::size_t i = find(cursor); i < segments_.size() && used < max; ++i) {
    const auto& s = segments_[i];
    const auto begin = s.begin_of(std::max(cursor, s.first));
    parts[used++] = {s.block.data() + begin, s.block.size() - begin};
  }
  return used;
}

std::size_t Log::bytes_from(std::uint64_t cursor) const {
  std::size_t sum = 0;
  for (std::size_t i = find(cursor); i < segments_.size(); ++i) {
    const auto& s = segments_[i];
    sum += s.block.size() - s.begin_of(std::max(cursor, s.first));
  }
  return sum;
}

Log::Advanced Log::advance(std::uint64_t cursor, std::size_t taken) const {
  for (std::size_t i = find(cursor); i < segments_.size() && taken > 0; ++i) {
    const auto& s = segments_[i];
    cursor = std::max(cursor, s.first);
    const auto begin = s.begin_of(cursor);
    const std::size_t run = s.block.size() - begin;
    if (taken >= run) {
      taken -= run;
      cursor = s.last();
      continue;
    }
    const auto stop = static_cast<std::uint32_t>(begin + taken);
    // The first frame that ends after the stop is the torn one, unless the stop lies on its beginning.
    auto it = std::upper_bound(s.ends.begin(), s.ends.end(), stop);
    cursor = s.first + static_cast<std::uint64_t>(it - s.ends.begin());
    if (s.begin_of(cursor) == stop) return {cursor};
    return {cursor + 1, Slice{s.block, stop, *it}};
  }
  return {cursor};
}

void Log::slices_from(std::uint64_t cursor, std::vector<Slice>& out) const {
  for (std::size_t i = find(cursor); i < segments_.size(); ++i) {
    const auto& s = segments_[i];
    out.push_back({s.block, s.begin_of(std::max(cursor, s.first)), s.block.size()});
  }
}

void Log::free_below(std::uint64_t cursor) {
  while (!segments_.empty() && segments_.front().last() <= cursor) {
    bytes_ -= segments_.front().block.size();
    segments_.pop_front();
  }
}

}  // namespace gatecast::hub
