// The inbox over the real store: who is told what, in which order, and when nobody is.
#include "inbox/inbox.hpp"

#include <gtest/gtest.h>

#include "adapters/sqlite/sqlite_place.hpp"
#include "core/manual_loop.hpp"

namespace gatecast::inbox {
namespace {

using std::chrono::hours;
using Kind = store::NotificationChoice::Kind;

class InboxTest : public testing::Test {
 protected:
  InboxTest() : store_(place_.open()) {
    std::vector<store::UserChange> users;
    for (const char* id : {"ann", "bob"}) users.push_back(change(id));
    EXPECT_TRUE(loop_.run(store_->upsert_users(std::move(users), clock_.wall(), false)).has_value());
  }
  static store::UserChange change(const std::string& id) {
    store::UserChange one{.id = id};
    one.new_user.ref_code = "ref-" + id;
    return one;
  }
  static store::Notify wish(std::vector<std::string> users, std::string key = {}) {
    store::Notify request{.recipients = {}, .kind = "like", .data = "{}", .key = std::move(key)};
    for (auto& user : users) request.recipients.push_back({.user_id = std::move(user)});
    return request;
  }
  Reached notify(store::Notify request) {
    auto reached = loop_.run(inbox_.notify(std::move(request)));
    EXPECT_TRUE(reached.has_value()) << reached.error().detail;
    return reached ? *reached : Reached{};
  }
  std::string notify_one(const std::string& user) {
    notify(wish({user}));
    return told_.back().row.id;
  }
  std::uint64_t changed(Task<Result<store::NotificationsChanged>> task) {
    auto done = loop_.run(std::move(task));
    EXPECT_TRUE(done.has_value()) << done.error().detail;
    return done ? done->count : 0;
  }
  /// Turns the loop until `there`.
  static Task<bool> until(std::function<bool()> there) {
    while (!there()) co_await arrival<bool>([](Resume<bool> resume) { resume(true); });
    co_return true;
  }
  Task<bool> pruned() {
    co_await inbox_.prune();
    co_return true;
  }
  std::size_t held(const std::string& user) {
    auto page = loop_.run(inbox_.list({.user_id = user, .limit = kPageMax}));
    return page ? page->rows.size() : 9999;
  }

  ManualClock clock_;
  ManualLoop loop_{clock_};
  sqlite::SqlitePlace place_;
  std::unique_ptr<store::Store> store_;
  std::vector<Event> told_;
  Inbox inbox_{
      {.store = *store_, .clock = clock_, .home = loop_, .tell = [this](const Event& e) { told_.push_back(e); }},
      {.held_max = 5, .retention = hours(24)}};
};

TEST_F(InboxTest, WhoIsReachedIsTold) {
  const auto reached = notify(wish({"ann", "nobody", "bob"}, "k"));
  EXPECT_EQ(reached.notified, 2U);
  EXPECT_EQ(reached.repeated, 0U);
  EXPECT_EQ(reached.unknown, std::vector<std::string>{"nobody"});
  ASSERT_EQ(told_.size(), 2U);
  EXPECT_EQ(told_[0].kind, Event::Kind::added);
  EXPECT_EQ(told_[0].user_id, "ann");
  EXPECT_EQ(told_[0].row.data, "{}");
  EXPECT_EQ(told_[0].row.kind, "like");
  EXPECT_EQ(told_[0].row.created_at, clock_.wall());
  EXPECT_EQ(told_[0].unread, 1U);

  const auto again = notify(wish({"ann", "bob"}, "k"));
  EXPECT_EQ(again.repeated, 2U);
  EXPECT_EQ(again.notified, 0U);
  EXPECT_EQ(told_.size(), 2U) << "a repeated call tells nobody";
}

TEST_F(InboxTest, OnlyWhatChangedIsTold) {
  const std::string a = notify_one("ann");
  const std::string b = notify_one("ann");
  told_.clear();
  EXPECT_EQ(changed(inbox_.read("ann", {.ids = {a, "9-x"}})), 1U);
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_[0].kind, Event::Kind::read);
  EXPECT_EQ(told_[0].choice.ids, std::vector<std::string>{a});
  EXPECT_EQ(told_[0].unread, 1U);
  EXPECT_EQ(changed(inbox_.read("ann", {.ids = {a}})), 0U);
  EXPECT_EQ(changed(inbox_.remove("bob", {.ids = {b}})), 0U);
  EXPECT_EQ(told_.size(), 1U);
  EXPECT_EQ(changed(inbox_.remove("ann", {.kind = Kind::read})), 1U);
  EXPECT_EQ(told_.back().kind, Event::Kind::removed);
  EXPECT_EQ(told_.back().choice.kind, Kind::read);
  EXPECT_EQ(changed(inbox_.remove("ann", {.kind = Kind::all})), 1U);
  EXPECT_EQ(told_.back().choice.kind, Kind::all);
  EXPECT_EQ(told_.back().unread, 0U);
}

TEST_F(InboxTest, ThousandsAreReachedInPartsThatOthersComeBetween) {
  std::vector<std::string> ids;
  for (int part = 0; part < 2; ++part) {
    std::vector<store::UserChange> users;
    for (int i = 0; i < 500; ++i) {
      ids.push_back(fmt::format("u{}", part * 500 + i));
      users.push_back(change(ids.back()));
    }
    ASSERT_TRUE(loop_.run(store_->upsert_users(std::move(users), clock_.wall(), false)).has_value());
  }
  bool ended = false;
  spawn([](Inbox& inbox, store::Notify request, bool& done) -> Task<void> {
    done = (co_await inbox.notify(std::move(request))).has_value();
  }(inbox_, wish(ids), ended));
  notify(wish({"ann"}));
  EXPECT_FALSE(ended) << "the call for one does not wait for the thousand";
  EXPECT_LT(told_.size(), 500U);
  loop_.run(until([&ended] { return ended; }));
  EXPECT_EQ(told_.size(), 1001U);
}

/// Calls from several threads about one user: the tabs are told each state in the order of the commits, so that what is
/// told last is how it stands.
TEST_F(InboxTest, TabsAreToldInTheOrderOfCommits) {
  constexpr int kCalls = 40;
  std::atomic<int> running{3};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([this, caller, &running] {
      ManualClock clock;
      ManualLoop loop(clock);
      for (int i = 0; i < kCalls; ++i) {
        if (caller == 0 || i % 4 != 0) {
          EXPECT_TRUE(loop.run(inbox_.notify(wish({"ann"}))).has_value());
        } else {
          EXPECT_TRUE(loop.run(inbox_.remove("ann", {.kind = Kind::all})).has_value());
        }
      }
      --running;
    });
  }
  loop_.run(until([&running] { return running == 0; }));
  for (auto& caller : callers) caller.join();
  loop_.run_until_idle();

  std::uint64_t newest = 0, unread = 0, version = 0;
  for (const auto& event : told_) {
    EXPECT_EQ(event.version, ++version);
    if (event.kind == Event::Kind::added) {
      EXPECT_EQ(event.row.seq, newest + 1);
      newest = event.row.seq;
      EXPECT_EQ(event.unread, std::min<std::uint64_t>(unread + 1, 5));
    } else {
      EXPECT_EQ(event.unread, 0U);
    }
    unread = event.unread;
  }
  EXPECT_GE(newest, static_cast<std::uint64_t>(kCalls));
}

TEST_F(InboxTest, WhatIsOldGoesAndTheInboxIsBounded) {
  for (int i = 0; i < 7; ++i) notify_one("ann");
  EXPECT_EQ(held("ann"), 5U);
  clock_.advance(hours(23));
  notify_one("bob");
  clock_.advance(hours(2));
  told_.clear();
  loop_.run(pruned());
  EXPECT_EQ(held("ann"), 0U);
  EXPECT_EQ(held("bob"), 1U);
  EXPECT_TRUE(told_.empty());
}

/// The real store, which refuses one call.
class FailingOnce final : public store::NotificationStore {
 public:
  explicit FailingOnce(store::NotificationStore& real) : real_(real) {}
  Task<Result<std::vector<store::Notified>>> notify(store::Notify request) override {
    if (--left == 0) co_return fail(Errc::store_failed, "the disk is full");
    co_return co_await real_.notify(std::move(request));
  }
  Task<Result<store::NotificationPage>> notifications(store::NotificationQuery query) override {
    return real_.notifications(std::move(query));
  }
  Task<Result<store::NotificationsChanged>> read_notifications(std::string user, store::NotificationChoice choice,
                                                               WallTime at) override {
    return real_.read_notifications(std::move(user), std::move(choice), at);
  }
  Task<Result<store::NotificationsChanged>> remove_notifications(std::string user,
                                                                 store::NotificationChoice choice) override {
    return real_.remove_notifications(std::move(user), std::move(choice));
  }
  Task<Result<std::uint64_t>> prune_notifications(WallTime before, std::uint32_t limit) override {
    return real_.prune_notifications(before, limit);
  }
  int left = 0;

 private:
  store::NotificationStore& real_;
};

TEST_F(InboxTest, ACallThatFailedInTheMiddleIsFinishedByItsRepetition) {
  std::vector<store::UserChange> users;
  std::vector<std::string> ids;
  for (int i = 0; i < 350; ++i) {
    ids.push_back(fmt::format("u{}", i));
    users.push_back(change(ids.back()));
  }
  ASSERT_TRUE(loop_.run(store_->upsert_users(std::move(users), clock_.wall(), false)).has_value());
  FailingOnce store(*store_);
  Inbox inbox({.store = store, .clock = clock_, .home = loop_, .tell = [this](const Event& e) { told_.push_back(e); }},
              {});
  store.left = 3;
  const auto refused = loop_.run(inbox.notify(wish(ids, "k")));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::store_failed);
  EXPECT_EQ(told_.size(), 200U) << "what was committed is told";
  const auto again = loop_.run(inbox.notify(wish(ids, "k")));
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->repeated, 200U);
  EXPECT_EQ(again->notified, 150U);
  EXPECT_EQ(told_.size(), 350U);
}

TEST(InboxForms, KindsAndKeys) {
  for (const char* good : {"a", "post.like", "Order:paid-2", "x_1"}) EXPECT_TRUE(is_kind(good)) << good;
  for (const char* bad : {"", "a b", "\xC3\xA4", "a/b", "a\n"}) EXPECT_FALSE(is_kind(bad)) << bad;
  EXPECT_TRUE(is_kind(std::string(64, 'k')));
  EXPECT_FALSE(is_kind(std::string(65, 'k')));
  EXPECT_TRUE(is_key(""));
  EXPECT_TRUE(is_key("order 17/b"));
  EXPECT_FALSE(is_key("a\tb"));
  EXPECT_FALSE(is_key(std::string(129, 'k')));
}

}  // namespace
}  // namespace gatecast::inbox
