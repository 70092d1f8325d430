#include "access/grants.hpp"

#include <gtest/gtest.h>

#include "adapters/sqlite/sqlite_place.hpp"
#include "core/manual_loop.hpp"
#include "store/sample.hpp"

namespace gatecast::access {
namespace {

using namespace std::chrono_literals;

/// On a real store whose clock is the test's, so that grants begin and end when it says.
class GrantsTest : public testing::Test {
 protected:
  GrantsTest() {
    grants_ = std::make_unique<Grants>(*store_, place_.clock(), Grants::Options{.user_max = 1000});
    grants_->on_changed([this](const store::GrantChange& change) {
      std::lock_guard lock(mutex_);
      told_.push_back(fmt::format("{} {}", change.version, change.grant.resource));
      heard_.notify_one();
      // Whoever is told finds the change in memory.
      if (const auto held = grants_->peek(change.grant.user_id)) EXPECT_GE(held->version, change.version);
    });
    store::UserChange ann{.id = "ann"};
    ann.new_user.ref_code = "ref";
    EXPECT_TRUE(loop_.run(store_->upsert_users({ann}, store::kContractStart, false)).has_value());
  }
  ~GrantsTest() override { loop_.run(stop()); }

  Task<bool> stop() {
    co_await grants_->stop();
    co_return true;
  }
  store::GrantAdded add(store::GrantAdd request) {
    request.user_id = "ann";
    auto done = loop_.run(grants_->add(std::move(request)));
    EXPECT_TRUE(done.has_value());
    return done ? *done : store::GrantAdded{};
  }
  HeldRef load(const std::string& user = "ann") {
    auto held = loop_.run(grants_->load(user));
    EXPECT_TRUE(held.has_value());
    return held ? *held : std::make_shared<const Held>();
  }
  std::vector<std::string> told() {
    std::lock_guard lock(mutex_);
    return told_;
  }
  /// Turns until so many changes were told. A little time passes with each turn, far less than a second in all: the
  /// sweep goes on when the store's answer has come back to the loop, which is after the change was told.
  void hear(std::size_t count) {
    const auto until = std::chrono::steady_clock::now() + 10s;
    for (std::unique_lock lock(mutex_); told_.size() < count && std::chrono::steady_clock::now() < until;) {
      lock.unlock();
      loop_.advance(2ms);
      lock.lock();
      heard_.wait_for(lock, 5ms, [&] { return told_.size() >= count; });
    }
    EXPECT_EQ(told().size(), count);
  }

  sqlite::SqlitePlace place_;
  ManualLoop loop_{place_.clock()};
  std::mutex mutex_;
  std::condition_variable heard_;
  std::vector<std::string> told_;
  std::unique_ptr<Grants> grants_;
  std::unique_ptr<store::Store> store_ = place_.open();
};

TEST_F(GrantsTest, WhoAsksAgainAfterALostAnswerMakesMemoryRight) {
  add({.resource = "a"});
  EXPECT_EQ(load()->version, 1U);
  std::vector<std::string> found;
  grants_->on_found([&found](const std::string& user_id, std::uint64_t version) {
    found.push_back(fmt::format("{} {}", user_id, version));
  });
  // It landed, and nobody here heard of it.
  ASSERT_TRUE(loop_.run(store_->remove_grants({.user_id = "ann", .resource = "a"})).has_value());
  EXPECT_EQ(grants_->judge("ann", "a"), Verdict::held);
  EXPECT_EQ(loop_.run(grants_->remove({.user_id = "ann", .resource = "a"}))->removed, 0U);
  EXPECT_EQ(grants_->judge("ann", "a"), Verdict::unread);
  EXPECT_EQ(load()->version, 2U);
  EXPECT_EQ(grants_->judge("ann", "a"), Verdict::missing);
  EXPECT_EQ(found, (std::vector<std::string>{"ann 2"}));
}

TEST_F(GrantsTest, MemoryFollowsEveryChange) {
  EXPECT_EQ(grants_->judge("ann", "a"), Verdict::unread);
  EXPECT_EQ(load()->version, 0U);
  EXPECT_EQ(grants_->judge("ann", "a"), Verdict::missing);
  add({.resource = "b", .key = "1"});
  add({.resource = "a"});
  add({.resource = "b", .key = "2"});
  const HeldRef before = grants_->peek("ann");
  ASSERT_NE(before, nullptr);
  EXPECT_EQ(before->version, 3U);
  EXPECT_EQ(grants_->judge("ann", "a"), Verdict::held);
  EXPECT_EQ(grants_->judge("ann", "b"), Verdict::held);
  ASSERT_TRUE(loop_.run(grants_->remove({.user_id = "ann", .resource = "b", .key = "1"})).has_value());
  EXPECT_EQ(grants_->judge("ann", "b"), Verdict::held) << "the other key still opens it";
  ASSERT_TRUE(loop_.run(grants_->remove({.user_id = "ann", .resource = "b"})).has_value());
  EXPECT_EQ(grants_->judge("ann", "b"), Verdict::missing);
  EXPECT_EQ(before->grants.size(), 3U) << "what somebody holds does not change under them";
  EXPECT_EQ(told(), (std::vector<std::string>{"1 b", "2 a", "3 b", "4 b", "5 b"}));
  // What memory says is what the store says.
  const HeldRef mine = grants_->peek("ann");
  grants_->forget("ann");
  EXPECT_EQ(grants_->peek("ann"), nullptr);
  const HeldRef read = load();
  EXPECT_EQ(read->version, mine->version);
  ASSERT_EQ(read->grants.size(), mine->grants.size());
  EXPECT_EQ(*read->grants[0], *mine->grants[0]);
  EXPECT_EQ(read->bytes, mine->bytes);
}

// The second process has the same store and no word of the first but what is said here.
TEST_F(GrantsTest, WhatAnotherProcessChangedIsReadAnewOnceItIsSaid) {
  Grants other(*store_, place_.clock(), Grants::Options{.user_max = 1000});
  EXPECT_EQ(loop_.run(other.load("ann")).value()->version, 0U);
  add({.resource = "a"});
  EXPECT_EQ(other.judge("ann", "a"), Verdict::missing);
  EXPECT_TRUE(other.changed_elsewhere("ann", 1));
  EXPECT_EQ(other.judge("ann", "a"), Verdict::unread);
  EXPECT_EQ(loop_.run(other.load("ann")).value()->version, 1U);
  EXPECT_FALSE(other.changed_elsewhere("ann", 1)) << "it is known";
  EXPECT_EQ(other.judge("ann", "a"), Verdict::held);
  EXPECT_TRUE(other.changed_elsewhere("ann", 0)) << "nobody knows how much has changed";
  EXPECT_EQ(other.judge("ann", "a"), Verdict::unread);
}

TEST_F(GrantsTest, WhereWordMayHaveBeenLostNothingIsKnown) {
  add({.resource = "a"});
  EXPECT_EQ(load()->version, 1U);
  grants_->forget_all();
  EXPECT_EQ(grants_->judge("ann", "a"), Verdict::unread);
  EXPECT_EQ(load()->version, 1U);
}

TEST_F(GrantsTest, WhatIsOverOpensNothingBeforeAnybodyWasTold) {
  load();
  add({.resource = "a", .until = place_.clock().wall() + 10s});
  EXPECT_EQ(grants_->judge("ann", "a"), Verdict::held);
  place_.clock().advance(10s);
  EXPECT_EQ(grants_->judge("ann", "a"), Verdict::missing);
}

TEST_F(GrantsTest, GrantsBeginAndEndWhenTheirTimeHasCome) {
  load();
  add({.resource = "missed", .until = place_.clock().wall() + 1s});
  place_.clock().advance(2s);
  grants_->start(loop_);
  hear(2);
  EXPECT_EQ(told().back(), "2 missed");
  // Noted while it sleeps: the next moment is nearer than before.
  add({.resource = "late", .from = place_.clock().wall() + 100s});
  add({.resource = "soon", .from = place_.clock().wall() + 5s, .until = place_.clock().wall() + 10s});
  loop_.advance(5s);
  hear(3);
  EXPECT_EQ(grants_->judge("ann", "soon"), Verdict::held);
  loop_.advance(10s);
  hear(4);
  EXPECT_EQ(grants_->judge("ann", "soon"), Verdict::missing);
  // A clock that is set forward is noticed by the next look.
  place_.clock().step_wall(std::chrono::hours(1));
  hear(5);
  EXPECT_EQ(told().back(), "5 late");
}

TEST_F(GrantsTest, ManyWhoAskAtOnceAreReadTogether) {
  add({.resource = "a"});
  std::vector<Task<Result<HeldRef>>> tasks;
  for (int i = 0; i < 300; ++i) tasks.push_back(grants_->load(i % 3 == 0 ? "ann" : fmt::format("user{}", i)));
  auto all = loop_.run(store::gather(std::move(tasks)));
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_TRUE(all[i].has_value());
    EXPECT_EQ((**all[i]).grants.size(), i % 3 == 0 ? 1U : 0U);
  }
  EXPECT_EQ(grants_->judge("user1", "a"), Verdict::missing) << "that somebody holds nothing is remembered too";
}

/// A store that answers when told, so that a change can come between question and answer.
class SlowStore final : public store::GrantStore {
 public:
  Task<Result<store::GrantAdded>> add_grant(store::GrantAdd) override { co_return Errc::internal; }
  Task<Result<store::GrantsRemoved>> remove_grants(store::GrantRemove) override { co_return Errc::internal; }
  Task<Result<store::GrantsSwept>> sweep_grants(std::uint32_t, store::GrantsLanded) override {
    co_return Errc::internal;
  }
  Task<Result<std::vector<store::UserGrants>>> grants_of(std::vector<std::string> user_ids) override {
    asked.push_back(user_ids);
    if (between) std::exchange(between, nullptr)();
    if (gone) co_return fail(Errc::store_failed, "gone");
    co_return std::vector<store::UserGrants>(user_ids.size(), now);
  }
  std::vector<std::vector<std::string>> asked;
  store::UserGrants now;
  std::function<void()> between;
  bool gone = false;
};

TEST(HeldReader, AChangeWhileTheStoreIsAskedMakesTheAnswerCountForNothing) {
  ManualClock clock;
  ManualLoop loop(clock);
  SlowStore store;
  HeldCache cache(1 << 20);
  HeldReader reader(store, cache);
  store.now = {.version = 4, .grants = {{.id = "1", .user_id = "ann", .resource = "a"}}};
  store.between = [&] {
    // The store has answered already; then the grant goes.
    store::GrantRow gone{.id = "1", .user_id = "ann", .resource = "a"};
    cache.apply({.grant = gone, .version = 5, .news = store::GrantNews::removed});
  };
  const auto first = loop.run(reader.read("ann"));
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(store.asked.size(), 2U);
  // A version that is not the next one is not guessed at.
  cache.apply({.grant = {.id = "2", .user_id = "ann", .resource = "b"}, .version = 9, .news = store::GrantNews::added});
  EXPECT_EQ(cache.find("ann"), nullptr);
  store.gone = true;
  EXPECT_EQ(loop.run(reader.read("ann")).error().code, Errc::store_failed);
  EXPECT_EQ(cache.find("ann"), nullptr);
}

TEST(HeldCache, WordOfAChangeMakesWhatIsBeingReadCountForNothing) {
  HeldCache cache(1u << 20);
  cache.reading("ann");
  cache.reading("bob");
  EXPECT_TRUE(cache.forget_before("ann", 1));
  EXPECT_EQ(cache.put("ann", {}), nullptr);
  EXPECT_NE(cache.put("ann", {}), nullptr) << "it is read again";
  cache.forget_all();
  EXPECT_EQ(cache.put("bob", {}), nullptr);
  EXPECT_EQ(cache.users(), 0U);
}

TEST(HeldCache, TheLeastRecentlyAskedForGoesFirst) {
  HeldCache cache(4096);
  const auto put = [&cache](const std::string& user) {
    cache.reading(user);
    store::GrantRow grant{.id = "id", .user_id = user, .resource = "a"};
    grant.meta = std::string(1000, 'x');
    cache.put(user, {.version = 1, .grants = {grant}});
  };
  put("ann");
  put("bob");
  EXPECT_NE(cache.find("ann"), nullptr);
  put("cid");
  EXPECT_NE(cache.find("ann"), nullptr);
  EXPECT_EQ(cache.find("bob"), nullptr);
  EXPECT_NE(cache.find("cid"), nullptr);
  EXPECT_EQ(cache.users(), 2U);
  // One above the bound is kept as long as it is the newest.
  cache.reading("big");
  store::GrantRow grant{.id = "id", .user_id = "big", .resource = "a"};
  grant.meta = std::string(5000, 'x');
  EXPECT_NE(cache.put("big", {.version = 1, .grants = {grant}}), nullptr);
  EXPECT_NE(cache.find("big"), nullptr);
  EXPECT_EQ(cache.users(), 1U);
}

}  // namespace
}  // namespace gatecast::access
