#include "net/mailbox.hpp"

#include <gtest/gtest.h>

#include <latch>

namespace gatecast::net {
namespace {

using Notes = std::vector<std::string>;
constexpr std::size_t kAll = ~std::size_t{0};

class MailboxTest : public ::testing::Test {
 protected:
  Mailbox::Fn say(std::string text) {
    return [this, text = std::move(text)] { notes.push_back(text); };
  }
  bool data(Mailbox& box, std::string text, std::size_t bytes = 1) {
    return box.push_data(bytes, say(std::move(text)));
  }
  Notes notes;
};

TEST_F(MailboxTest, KeepsTheOrderOfEachLane) {
  Mailbox box(10, 100);
  EXPECT_FALSE(box.has_data());
  box.drain_control();
  EXPECT_FALSE(box.drain_data(kAll));
  for (const auto* text : {"a", "b", "c"}) {
    box.push_control(say(text));
    EXPECT_TRUE(data(box, fmt::format("data {}", text)));
  }
  EXPECT_TRUE(box.has_data());
  EXPECT_TRUE(notes.empty());
  box.drain_control();
  EXPECT_EQ(notes, (Notes{"a", "b", "c"}));
  EXPECT_FALSE(box.drain_data(kAll));
  EXPECT_EQ(notes, (Notes{"a", "b", "c", "data a", "data b", "data c"}));
  EXPECT_FALSE(box.has_data());
}

TEST_F(MailboxTest, RefusesDataOverTheCount) {
  Mailbox box(2, 100);
  auto alive = std::make_shared<int>(0);
  EXPECT_TRUE(data(box, "1"));
  EXPECT_TRUE(data(box, "2"));
  EXPECT_FALSE(box.push_data(1, [alive] { FAIL() << "it was refused"; }));
  EXPECT_EQ(alive.use_count(), 1) << "what is refused is dropped";
  for (int i = 0; i < 1000; ++i) box.push_control(say("control"));
  box.drain_control();
  box.drain_data(kAll);
  EXPECT_EQ(notes.size(), 1002u) << "control is never refused";
  EXPECT_TRUE(data(box, "3"));
}

TEST_F(MailboxTest, RefusesDataOverTheBytes) {
  Mailbox box(100, 10);
  EXPECT_FALSE(data(box, "too large for ever", 11));
  EXPECT_TRUE(data(box, "1", 6));
  EXPECT_FALSE(data(box, "2", 5));
  EXPECT_TRUE(data(box, "3", 4));
  EXPECT_FALSE(data(box, "4", 1));
  EXPECT_TRUE(data(box, "5", 0));
  box.drain_control();
  box.drain_data(kAll);
  EXPECT_EQ(notes, (Notes{"1", "3", "5"}));
  EXPECT_TRUE(data(box, "6", 10)) << "what was taken out weighs no more";
}

TEST_F(MailboxTest, DrainsDataByBudgetInOrder) {
  Mailbox box(100, 10'000);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(data(box, fmt::format("{}", i), 99));
  box.drain_control();
  EXPECT_TRUE(box.drain_data(300));
  EXPECT_EQ(notes, (Notes{"0", "1", "2"}));
  EXPECT_TRUE(data(box, "late", 99));
  box.drain_control();
  EXPECT_TRUE(box.drain_data(1)) << "at least one, or it would never end";
  EXPECT_EQ(notes.back(), "3");
  box.drain_control();
  EXPECT_TRUE(box.drain_data(600)) << "the late one";
  EXPECT_EQ(notes.back(), "9");
  box.drain_control();
  EXPECT_FALSE(box.drain_data(kAll));
  EXPECT_EQ(notes.back(), "late");
  EXPECT_EQ(notes.size(), 11u);
}

TEST_F(MailboxTest, MessagesMayPushMessages) {
  Mailbox box(100, 100);
  box.push_control([&] {
    notes.push_back("first");
    box.push_control(say("caused"));
    EXPECT_TRUE(data(box, "caused data"));
  });
  box.push_control(say("second"));
  box.drain_control();
  EXPECT_EQ(notes, (Notes{"first", "second"})) << "a later call runs what was caused";
  box.drain_control();
  box.drain_data(kAll);
  EXPECT_EQ(notes, (Notes{"first", "second", "caused", "caused data"}));
}

// A sender tells of a gap and then sends what came after it. While this shard is in the middle of its data, the later
// data must not be run before the gap was heard of.
TEST_F(MailboxTest, ControlRunsBeforeDataPushedAfterIt) {
  Mailbox box(100, 100);
  EXPECT_TRUE(box.push_data(1, [&] {
    notes.push_back("before");
    box.push_control(say("gap"));
    EXPECT_TRUE(data(box, "after"));
  }));
  while (box.has_data()) {
    box.drain_control();
    box.drain_data(kAll);
  }
  EXPECT_EQ(notes, (Notes{"before", "gap", "after"}));
}

TEST_F(MailboxTest, MessagesAreFreedWhenTheyHaveRun) {
  Mailbox box(100, 100);
  auto alive = std::make_shared<int>(0);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(box.push_data(1, [alive] {}));
    box.push_control([alive] {});
  }
  box.drain_control();
  EXPECT_EQ(alive.use_count(), 4);
  box.drain_data(1);
  EXPECT_EQ(alive.use_count(), 3);
  box.drain_data(kAll);
  EXPECT_EQ(alive.use_count(), 1);
}

TEST_F(MailboxTest, TakesFromManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kEach = 5000;
  Mailbox box(1 << 20, 1 << 20);
  std::array<int, kThreads> control{};
  std::array<int, kThreads> taken{};
  std::latch started(kThreads);
  std::atomic<int> running{kThreads};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      started.arrive_and_wait();
      for (int i = 0; i < kEach; ++i) {
        const auto at = static_cast<std::size_t>(t);
        box.push_control([&, at, i] { EXPECT_EQ(control[at]++, i); });
        EXPECT_TRUE(box.push_data(1, [&, at, i] {
          EXPECT_EQ(taken[at]++, i);
          EXPECT_GT(control[at], i) << "its control message was pushed before it";
        }));
      }
      --running;
    });
  }
  while (running.load() > 0 || box.has_data()) {
    box.drain_control();
    box.drain_data(500);
  }
  for (auto& thread : threads) thread.join();
  box.drain_control();
  box.drain_data(kAll);
  for (int t = 0; t < kThreads; ++t) {
    EXPECT_EQ(control[static_cast<std::size_t>(t)], kEach);
    EXPECT_EQ(taken[static_cast<std::size_t>(t)], kEach);
  }
}

}  // namespace
}  // namespace gatecast::net
