#include "hub/log.hpp"

#include <gtest/gtest.h>

namespace gatecast::hub {
namespace {

constexpr std::size_t kMany = 64;

std::string text_of(const Log& log, std::uint64_t cursor, std::size_t max = kMany) {
  std::array<iovec, kMany> parts;
  std::string all;
  const auto used = log.gather(cursor, parts.data(), max);
  for (std::size_t i = 0; i < used; ++i) all.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  return all;
}

// Frames of the given sizes; frame i is made of the letter 'a' + i % 26.
std::vector<std::string> fill(Log& log, std::initializer_list<std::size_t> sizes) {
  std::vector<std::string> frames;
  for (auto size : sizes) {
    frames.emplace_back(size, static_cast<char>('a' + frames.size() % 26));
    log.append(frames.back());
  }
  return frames;
}

std::string join(const std::vector<std::string>& frames, std::size_t from = 0) {
  std::string all;
  for (std::size_t i = from; i < frames.size(); ++i) all += frames[i];
  return all;
}

TEST(Log, StartsEmpty) {
  Log log;
  EXPECT_TRUE(log.empty());
  EXPECT_EQ(log.end(), 0u);
  EXPECT_EQ(log.oldest(), 0u);
  EXPECT_EQ(log.bytes(), 0u);
  EXPECT_EQ(log.bytes_from(0), 0u);
  EXPECT_EQ(text_of(log, 0), "");
  EXPECT_EQ(log.advance(0, 0).cursor, 0u);
  log.free_below(0);
  EXPECT_TRUE(log.empty());
}

TEST(Log, GathersFromEveryCursor) {
  Log log;
  const auto frames = fill(log, {3, 1, 7, 16 * 1024 - 11, 2, 5, 40'000, 4});
  EXPECT_EQ(log.end(), frames.size());
  EXPECT_EQ(log.bytes(), join(frames).size());
  for (std::size_t cursor = 0; cursor <= frames.size(); ++cursor) {
    EXPECT_EQ(text_of(log, cursor), join(frames, cursor)) << cursor;
    EXPECT_EQ(log.bytes_from(cursor), join(frames, cursor).size()) << cursor;
  }
}

TEST(Log, OneRunASegment) {
  Log log;
  // The first four fill a segment to its last byte; the fifth needs a new one.
  fill(log, {4096, 4096, 4096, 4096, 1, 1});
  std::array<iovec, kMany> parts;
  EXPECT_EQ(log.gather(0, parts.data(), kMany), 2u);
  EXPECT_EQ(parts[0].iov_len, Log::kSegmentBytes);
  EXPECT_EQ(parts[1].iov_len, 2u);
  EXPECT_EQ(log.gather(3, parts.data(), kMany), 2u);
  EXPECT_EQ(log.gather(4, parts.data(), kMany), 1u);
  EXPECT_EQ(log.gather(6, parts.data(), kMany), 0u);
}

TEST(Log, GatherKeepsToItsBound) {
  Log log;
  const auto frames = fill(log, {17'000, 17'001, 17'002, 17'003});
  EXPECT_EQ(text_of(log, 0, 0), "");
  EXPECT_EQ(text_of(log, 0, 2), frames[0] + frames[1]);
  EXPECT_EQ(text_of(log, 1, 2), frames[1] + frames[2]);
}

TEST(Log, BytesWrittenNeverMove) {
  Log log;
  log.append("first");
  std::array<iovec, kMany> before;
  log.gather(0, before.data(), kMany);
  for (int i = 0; i < 10'000; ++i) log.append("another frame");
  EXPECT_EQ(std::string_view(static_cast<const char*>(before[0].iov_base), before[0].iov_len), "first");
  std::array<iovec, kMany> after;
  log.gather(0, after.data(), 1);
  EXPECT_EQ(before[0].iov_base, after[0].iov_base);
}

// The kernel may stop at any byte: what is left of the torn frame and what the cursor still has must be the whole.
TEST(Log, AdvancesByEveryNumberOfBytesFromEveryCursor) {
  Log log;
  const auto frames = fill(log, {3, 1, 5, 16'370, 1, 2, 16'385, 4, 1});
  std::vector<std::size_t> edges{0};
  for (const auto& f : frames) edges.push_back(edges.back() + f.size());
  // The inside of the two long frames is sampled; around every edge each byte is tried.
  const auto near_edge = [&edges](std::size_t at) {
    return std::ranges::any_of(edges, [at](auto e) { return (at > e ? at - e : e - at) < 40; });
  };
  for (std::size_t cursor = 0; cursor <= frames.size(); ++cursor) {
    const std::string rest = join(frames, cursor);
    for (std::size_t taken = 0; taken <= rest.size(); ++taken) {
      // The inside of the two long frames is sampled; their edges and all others are tried byte by byte.
      if (!near_edge(edges[cursor] + taken) && taken % 997 != 0) continue;
      const auto now = log.advance(cursor, taken);
      std::string left = now.torn ? std::string(now.torn->view()) : "";
      left += text_of(log, now.cursor);
      ASSERT_TRUE(left == rest.substr(taken)) << "cursor " << cursor << " taken " << taken;
      // Torn means torn: at a frame's edge nothing is, and the rest belongs to the frame before the cursor.
      const bool edge = std::ranges::find(edges, edges[cursor] + taken) != edges.end();
      ASSERT_EQ(now.torn.has_value(), !edge) << "cursor " << cursor << " taken " << taken;
      if (now.torn) {
        ASSERT_GT(now.torn->size(), 0u);
        ASSERT_LT(now.torn->size(), frames[now.cursor - 1].size());
      }
    }
  }
}

TEST(Log, FreesOnlySegmentsThatEveryCursorHasPassed) {
  Log log;
  const auto frames = fill(log, {10'000, 6'000, 10'000, 6'000, 20'000, 5});
  // Segments: frames 0 and 1, 2 and 3, 4, 5.
  log.free_below(1);
  EXPECT_EQ(log.oldest(), 0u);
  EXPECT_EQ(log.bytes(), join(frames).size());
  log.free_below(2);
  EXPECT_EQ(log.oldest(), 2u);
  EXPECT_EQ(log.bytes(), join(frames, 2).size());
  EXPECT_EQ(text_of(log, 3), join(frames, 3));
  log.free_below(3);
  EXPECT_EQ(log.oldest(), 2u);
  log.free_below(5);
  EXPECT_EQ(log.oldest(), 5u);
  EXPECT_EQ(text_of(log, 5), frames[5]);
  log.free_below(6);
  EXPECT_TRUE(log.empty());
  EXPECT_EQ(log.oldest(), 6u);
  EXPECT_EQ(log.bytes(), 0u);
  EXPECT_EQ(text_of(log, 6), "");
  // Numbers go on where they were.
  log.append("next");
  EXPECT_EQ(log.oldest(), 6u);
  EXPECT_EQ(text_of(log, 6), "next");
  EXPECT_EQ(log.advance(6, 4).cursor, 7u);
}

TEST(Log, CursorBelowTheOldestReadsFromTheOldest) {
  Log log;
  const auto frames = fill(log, {17'000, 17'000, 3});
  log.free_below(1);
  EXPECT_EQ(text_of(log, 0), join(frames, 1));
  EXPECT_EQ(log.bytes_from(0), join(frames, 1).size());
  EXPECT_EQ(log.advance(0, 17'001).cursor, 3u);
}

TEST(Log, SlicesOutliveTheLog) {
  std::vector<std::vector<Slice>> kept;
  std::vector<std::string> frames;
  {
    Log log;
    frames = fill(log, {5, 16'370, 9, 3, 30'000, 1});
    for (std::uint64_t cursor = 0; cursor <= log.end(); ++cursor) log.slices_from(cursor, kept.emplace_back());
    log.free_below(log.end());
  }
  for (std::size_t cursor = 0; cursor < kept.size(); ++cursor) {
    std::string all;
    for (const auto& slice : kept[cursor]) {
      EXPECT_GT(slice.size(), 0u);
      all += slice.view();
    }
    EXPECT_TRUE(all == join(frames, cursor)) << cursor;
  }
}

TEST(Log, TornRestOutlivesItsSegment) {
  std::optional<Slice> torn;
  {
    Log log;
    log.append("0123456789");
    torn = log.advance(0, 4).torn;
    log.free_below(log.end());
    EXPECT_TRUE(log.empty());
  }
  ASSERT_TRUE(torn.has_value());
  EXPECT_EQ(torn->view(), "456789");
}

}  // namespace
}  // namespace gatecast::hub
