// Order and torn frames, frame by frame against a reference: many clients with bad sockets, several channels, replies,
// subscriptions that come and go, closings and slow consumers, at 1 and 4 shards, in an order that a seed decides.
//
// GATECAST_SEED=n replays one seed; GATECAST_SEEDS=n runs that many.
#include "hub/reference.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

namespace gatecast::hub {
namespace {

using testing::FakeClient;
using testing::Peer;
using testing::Reference;

class Story {
 public:
  Story(std::uint64_t seed, unsigned shards, testing::Tally& tally) : random_(seed), shards_(shards) {
    // Small frames and queues make every bound come into play; some stories have frames over a segment.
    large_ = chance(12);
    const std::size_t queue = large_ ? 150'000 : pick<std::size_t>({400, 1500, 6000});
    Hub::Limits limits{.queue_bytes = queue, .turn_clients = pick<unsigned>({2, 5, 512})};
    if (chance(20)) limits.log_bytes_channel = queue * 2;
    if (chance(20)) limits.log_bytes_shard = queue * 6;
    OneBounds bounds;
    if (chance(30)) bounds.count = below(8) + 2;
    ref_ = std::make_unique<Reference>(shards, limits, bounds, tally);
    for (unsigned i = 0; i < 2 + below(3); ++i) channels_.push_back(fmt::format("ch{}", i));
    for (int i = 0; i < 20; ++i) open();
  }

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) step();
    if (!::testing::Test::HasFailure()) ref_->finish();
  }

 private:
  using OneBounds = testing::OneThread::Bounds;
  static constexpr std::size_t kNever = 10;  // in a hundred

  std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }
  bool chance(unsigned percent) { return below(100) < percent; }
  template <class T>
  T pick(std::initializer_list<T> of) {
    return *(of.begin() + below(of.size()));
  }
  const std::string& any_channel() { return channels_[below(channels_.size())]; }

  FakeClient::Takes socket(std::size_t kind) {
    if (kind < kNever) return FakeClient::never();
    if (kind < 20) return FakeClient::at_most(1);
    if (kind < 25)
      return [left = below(600)](std::size_t offered) mutable {
        if (offered > left) return FakeClient::kBroken;
        left -= offered;
        return offered;
      };
    if (kind < 60) return FakeClient::all();
    return [this](std::size_t offered) { return chance(30) ? offered : below(std::min<std::size_t>(offered, 90) + 1); };
  }

  void open() {
    // Half of all on one shard, so that logs come to be at four shards too.
    const auto shard = static_cast<unsigned>(chance(50) ? 0 : below(shards_));
    const auto kind = below(100);
    auto& peer = ref_->open(shard, socket(kind), chance(80) ? testing::plain_form() : testing::other_form());
    peer.client.then_written = [this] { ref_->net().clock.advance(std::chrono::microseconds(below(300))); };
    peer.never = kind < kNever;
    peer.closes_when_slow = chance(50);
    for (const auto& channel : channels_) {
      if (chance(75)) ref_->subscribe(peer, channel);
    }
  }

  std::size_t padding() { return large_ ? pick<std::size_t>({20, 200, 3000, 17'000}) : below(60); }

  void step() {
    auto* peer = ref_->any([this](std::size_t n) { return below(n); });
    const auto what = below(100);
    if (peer == nullptr || what < 4) return open();
    if (what < 14) return ref_->subscribe(*peer, any_channel());
    if (what < 22) return ref_->unsubscribe(*peer, any_channel());
    if (what < 46) return ref_->publish(static_cast<unsigned>(below(shards_)), any_channel(), padding());
    if (what < 54) return ref_->reply(*peer);
    if (what < 56) return ref_->close(*peer, chance(50));
    if (what < 57) return ref_->forget(*peer);
    if (what < 75) {
      auto* full = ref_->any_full([this](std::size_t n) { return below(n); });
      return full == nullptr ? static_cast<void>(0) : ref_->writable(*full);
    }
    ref_->turn(static_cast<unsigned>(below(shards_)), chance(30) ? below(4) : ~std::size_t{0});
  }

  std::mt19937_64 random_;
  const unsigned shards_;
  bool large_ = false;
  std::vector<std::string> channels_;
  std::unique_ptr<Reference> ref_;
};

class Stories : public ::testing::TestWithParam<unsigned> {};

TEST_P(Stories, EveryClientGetsEveryFrameOnceAndInOrder) {
  std::uint64_t first = 1;
  std::uint64_t count = 300;
  if (const char* n = std::getenv("GATECAST_SEEDS")) count = std::strtoull(n, nullptr, 10);
  if (const char* n = std::getenv("GATECAST_SEED")) {
    first = std::strtoull(n, nullptr, 10);
    count = 1;
  }
  testing::Tally tally;
  for (auto seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(fmt::format("GATECAST_SEED={} shards={}", seed, GetParam()));
    Story(seed, GetParam(), tally).run(350);
    if (HasFailure()) FAIL() << "replay: GATECAST_SEED=" << seed;
  }
  if (count < 100) return;
  // Stories in which nothing happens would prove nothing.
  EXPECT_GT(tally.publications, 20 * count);
  EXPECT_GT(tally.frames, 50 * count);
  EXPECT_GT(tally.slow, count / 4);
  EXPECT_GT(tally.drained, count / 4);
  EXPECT_GT(tally.broken, count / 10);
  EXPECT_GT(tally.short_writes, 20 * count);
  EXPECT_GT(tally.logged_peaks, count / 4);
  if (GetParam() > 1) EXPECT_GT(tally.gaps, count / 20);
}

INSTANTIATE_TEST_SUITE_P(Shards, Stories, ::testing::Values(1u, 4u),
                         [](const auto& info) { return fmt::format("{}", info.param); });

/// The acceptance story itself: one byte at a time, two channels, replies, leaving in between, a slow consumer.
class OneByte : public ::testing::TestWithParam<unsigned> {};

TEST_P(OneByte, TwoChannelsRepliesLeavingAndASlowConsumer) {
  const unsigned shards = GetParam();
  // `others` decides whether the channels have logs; `pace` how many bytes go out between two steps.
  for (const std::size_t others : {0u, 1u, 9u}) {
    for (unsigned pace = 0; pace < 12; ++pace) {
      SCOPED_TRACE(fmt::format("others={} pace={}", others, pace));
      testing::Tally tally;
      Reference ref(shards, {.queue_bytes = 1500}, {}, tally);
      auto& peer = ref.open(shards - 1, FakeClient::at_most(1));
      auto& slow = ref.open(shards - 1, FakeClient::never());
      std::vector<Peer*> rest;
      for (std::size_t i = 0; i < others; ++i) rest.push_back(&ref.open(shards - 1, FakeClient::all()));
      for (const auto* channel : {"a", "b"}) {
        ref.subscribe(peer, channel);
        ref.subscribe(slow, channel);
        for (auto* r : rest) ref.subscribe(*r, channel);
      }
      const auto turns = [&] {
        for (unsigned s = 0; s < shards; ++s) ref.turn(s);
      };
      const auto bytes = [&](unsigned count) {
        turns();
        for (unsigned i = 0; i < count; ++i) ref.writable(peer);
      };
      ref.net().settle();
      for (unsigned round = 0; round < 12; ++round) {
        ref.publish(round % shards, "a", round);
        bytes(pace);
        ref.publish((round + 1) % shards, "b", std::size_t{2} * round);
        if (round % 3 == 0) ref.reply(peer);
        bytes(pace);
        if (round % 4 == 1) ref.unsubscribe(peer, "a");
        ref.publish(round % shards, "a", 3);
        bytes(pace);
        if (round % 4 == 2) ref.subscribe(peer, "a");
        turns();
      }
      for (int i = 0; i < 80; ++i) {
        ref.publish(0, "b", 10);
        bytes(60);
      }
      EXPECT_EQ(tally.slow, 1u) << "the one whose socket takes nothing";
      ref.close(peer, true);
      ref.finish();
      EXPECT_EQ(tally.drained, 1u);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, OneByte, ::testing::Values(1u, 4u),
                         [](const auto& info) { return fmt::format("{}", info.param); });

}  // namespace
}  // namespace gatecast::hub
