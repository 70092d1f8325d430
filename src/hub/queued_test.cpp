// What waits in all outboxes of a shard, and that no history is read while that is too much.
#include <random>

#include "hub/testing.hpp"

namespace gatecast::hub {
namespace {

using testing::FakeClient;
using testing::frame;
using testing::OneThread;

constexpr broker::HistoryOptions kKept{.size = 50, .time = std::chrono::minutes(10)};

Slice bytes(std::size_t count) { return whole(BlockRef::copy(std::string(count, 'x'))); }

TEST(Queued, TheSumFollowsEveryOutbox) {
  ASSERT_EQ(Outbox::all_bytes(), 0u);
  {
    Outbox first;
    Outbox second;
    first.put(bytes(10));
    first.put(bytes(5));
    second.put(bytes(7));
    EXPECT_EQ(Outbox::all_bytes(), 22u);
    first.consume(3);
    EXPECT_EQ(Outbox::all_bytes(), 19u);
    first.drop_untorn();
    EXPECT_EQ(Outbox::all_bytes(), 14u) << "the rest of the torn one stays";
    second.drop_untorn();
    EXPECT_EQ(Outbox::all_bytes(), 7u);
  }
  EXPECT_EQ(Outbox::all_bytes(), 0u);
}

TEST(Queued, TheSumIsThatOfTheOutboxesWhateverHappens) {
  std::mt19937 random(7);
  std::vector<std::unique_ptr<Outbox>> all(20);
  for (int i = 0; i < 20'000; ++i) {
    auto& outbox = all[random() % all.size()];
    if (outbox == nullptr) outbox = std::make_unique<Outbox>();
    switch (random() % 8) {
      case 0: outbox.reset(); break;
      case 1: outbox->drop_untorn(); break;
      case 2: {
        std::array<iovec, 64> parts;
        std::size_t offered = 0;
        for (std::size_t n = outbox->gather(parts.data(), parts.size()), k = 0; k < n; ++k) offered += parts[k].iov_len;
        if (offered > 0) outbox->consume(1 + random() % offered);
        break;
      }
      default: outbox->put(bytes(1 + random() % 100));
    }
    std::size_t sum = 0;
    for (const auto& one : all) sum += one != nullptr ? one->bytes() : 0;
    ASSERT_EQ(Outbox::all_bytes(), sum) << i;
  }
}

/// A client that takes nothing and whose replies are its recovered publications, as the server makes them.
struct Reader {
  explicit Reader(OneThread& all) : shards(all) {}
  ~Reader() { shards.hub().forget(client); }

  void recover(const std::string& channel, const broker::StreamPosition& since) {
    SubscribeOptions options;
    options.recover = since;
    shards.hub().subscribe(client, channel, std::move(options), [this](Result<Subscribed> done) {
      if (!done) {
        refused = done.error().code;
        return;
      }
      std::string reply;
      for (const auto& publication : done->publications) reply += publication->data;
      shards.hub().send(client, frame(reply));
      ++recovered;
    });
  }

  OneThread& shards;
  FakeClient client{FakeClient::never()};
  std::optional<Errc> refused{};
  int recovered = 0;
};

TEST(Queued, OverTheBoundRecoveriesAreRefusedAndNothingElse) {
  OneThread shards(2, {.queued_bytes = 10'000}, {});
  std::optional<broker::StreamPosition> top;
  for (int i = 0; i < 4; ++i) {
    shards.publish_at(0, "log", std::string(1000, 'x'), kKept, [&top](const Result<broker::StreamPosition>& at) {
      top = at ? std::optional(*at) : std::nullopt;
    });
    shards.settle();
  }
  ASSERT_TRUE(top);
  const broker::StreamPosition start{0, top->epoch};
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 5; ++i) {
    readers.push_back(std::make_unique<Reader>(shards));
    readers.back()->recover("log", start);
    shards.settle();
  }
  // Two get 8,000 bytes, the third goes over 10,000, and the others are refused.
  int recovered = 0;
  for (const auto& reader : readers) recovered += reader->recovered;
  EXPECT_EQ(recovered, 3);
  EXPECT_EQ(readers[3]->refused, Errc::queues_full);
  EXPECT_EQ(readers[4]->refused, Errc::queues_full);
  EXPECT_TRUE(shards.hub().queues_full());
  EXPECT_EQ(shards.hub().stats().busy, 2u);

  FakeClient live;
  bool subscribed = false;
  shards.hub().subscribe(live, "log", {},
                         [&subscribed](const Result<Subscribed>& done) { subscribed = done.has_value(); });
  shards.settle();
  EXPECT_TRUE(subscribed);
  shards.publish(0, "log", "new", [](bool accepted) { EXPECT_TRUE(accepted); }, kKept);
  shards.settle();
  EXPECT_EQ(live.frames(), std::vector<std::string>{"P log new"});
  shards.hub().forget(live);

  // When the first has gone there is room again.
  readers[0].reset();
  EXPECT_FALSE(shards.hub().queues_full());
  readers[3]->refused.reset();
  readers[3]->recover("log", start);
  shards.settle();
  EXPECT_EQ(readers[3]->recovered, 1);
  EXPECT_FALSE(readers[3]->refused);
}

TEST(Queued, ManyRecoveriesThatWereAskedForAtOnceAreJudgedOneByOne) {
  OneThread shards(2, {.queued_bytes = 10'000}, {});
  std::optional<broker::StreamPosition> top;
  for (int i = 0; i < 4; ++i) {
    shards.publish_at(0, "log", std::string(1000, 'x'), kKept, [&top](const Result<broker::StreamPosition>& at) {
      top = at ? std::optional(*at) : std::nullopt;
    });
  }
  shards.settle();
  ASSERT_TRUE(top);
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 50; ++i) {
    readers.push_back(std::make_unique<Reader>(shards));
    readers.back()->recover("log", {0, top->epoch});
  }
  shards.settle();
  int recovered = 0;
  for (const auto& reader : readers) recovered += reader->recovered;
  EXPECT_EQ(recovered, 3);
  EXPECT_LE(Outbox::all_bytes(), 10'000u + 4'100u);
}

TEST(Queued, OneAnswerMayBeLargerThanTheBoundButNotBeFollowedByAnother) {
  OneThread shards(1, {.queue_bytes = 1000}, {});
  FakeClient reader;
  for (int i = 0; i < 3; ++i) {
    shards.hub().send_answer(reader, frame(std::string(5000, 'x')));
    shards.settle();
  }
  EXPECT_EQ(reader.frames().size(), 3u);
  EXPECT_EQ(reader.slow, 0);

  FakeClient sleeper(FakeClient::never());
  shards.hub().send_answer(sleeper, frame(std::string(5000, 'x')));
  shards.settle();
  EXPECT_EQ(sleeper.slow, 0);
  shards.hub().send_answer(sleeper, frame("x"));
  shards.settle();
  EXPECT_EQ(sleeper.slow, 1);
  EXPECT_LT(sleeper.queued_bytes(), 5020u);
  shards.hub().forget(reader);
  shards.hub().forget(sleeper);
}

}  // namespace
}  // namespace gatecast::hub
