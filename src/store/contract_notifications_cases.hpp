// The cases of store/contract.hpp about notifications.
//
// Place: as contract_cases.hpp, which is included first.
#pragma once

#include "store/contract_users_cases.hpp"

namespace gatecast::store {

/// The suite with users, and one call for each thing that may be done.
class StoreNotificationsContract : public StoreUsersContract {
 protected:
  using Kind = NotificationChoice::Kind;
  using Outcome = Notified::Outcome;

  void make_users(std::initializer_list<const char*> ids) {
    for (const char* id : ids) upsert_one(make_change(id));
  }
  static Notify wish(std::initializer_list<const char*> users, std::string key = {}) {
    Notify request{.recipients = {}, .kind = "like", .data = R"({"post":42})", .key = std::move(key)};
    for (const char* user : users) request.recipients.push_back({.user_id = user});
    request.at = kContractStart;
    request.held_max = 1000;
    return request;
  }
  std::vector<Notified> notify(Notify request) {
    auto done = run(store_->notify(std::move(request)));
    EXPECT_TRUE(done.has_value()) << done.error().detail;
    return done ? *done : std::vector<Notified>{};
  }
  std::string notify_one(const char* user) { return notify(wish({user})).at(0).row.id; }
  std::vector<std::string> several(const char* user, int count) {
    std::vector<std::string> ids;
    for (int i = 0; i < count; ++i) ids.push_back(notify_one(user));
    return ids;
  }
  NotificationPage page(NotificationQuery query) {
    auto done = run(store_->notifications(std::move(query)));
    EXPECT_TRUE(done.has_value()) << done.error().detail;
    return done ? *done : NotificationPage{};
  }
  std::vector<std::string> ids(NotificationQuery query) {
    std::vector<std::string> out;
    for (const auto& row : page(std::move(query)).rows) out.push_back(row.id);
    return out;
  }
  NotificationsChanged read(const std::string& user, NotificationChoice choice, WallTime at = kContractStart) {
    auto done = run(store_->read_notifications(user, std::move(choice), at));
    EXPECT_TRUE(done.has_value()) << done.error().detail;
    return done ? *done : NotificationsChanged{};
  }
  NotificationsChanged remove(const std::string& user, NotificationChoice choice) {
    auto done = run(store_->remove_notifications(user, std::move(choice)));
    EXPECT_TRUE(done.has_value()) << done.error().detail;
    return done ? *done : NotificationsChanged{};
  }
  std::uint64_t prune(WallTime before, std::uint32_t limit = 1000) {
    auto done = run(store_->prune_notifications(before, limit));
    EXPECT_TRUE(done.has_value()) << done.error().detail;
    return done ? *done : 0;
  }
};

TEST_P(StoreNotificationsContract, EachRecipientHasAnAnswerInOrder) {
  make_users({"ann", "bob"});
  Notify request = wish({"bob", "nobody", "ann"}, "order-1");
  request.recipients.push_back({.user_id = "app:eve", .foreign = true});
  const auto done = notify(request);
  ASSERT_EQ(done.size(), 4U);
  EXPECT_EQ(done[0].outcome, Outcome::made);
  EXPECT_EQ(done[1].outcome, Outcome::unknown);
  EXPECT_EQ(done[2].outcome, Outcome::made);
  EXPECT_EQ(done[3].outcome, Outcome::made) << "a trusted issuer's user has no row";
  EXPECT_NE(done[0].row.id, done[2].row.id);
  EXPECT_EQ(done[0].unread, 1U);

  reopen();
  const auto held = page({.user_id = "ann"});
  ASSERT_EQ(held.rows.size(), 1U);
  const NotificationRow& row = held.rows[0];
  EXPECT_EQ(row.id, done[2].row.id);
  EXPECT_EQ(row.seq, 1U);
  EXPECT_EQ(row.user_id, "ann");
  EXPECT_EQ(row.key, "order-1");
  EXPECT_EQ(row.kind, "like");
  EXPECT_EQ(row.data, R"({"post":42})");
  EXPECT_EQ(row.created_at, kContractStart);
  EXPECT_FALSE(row.read_at.has_value());
  EXPECT_EQ(held.unread, 1U);
  EXPECT_FALSE(held.more);
  EXPECT_EQ(page({.user_id = "app:eve"}).rows.size(), 1U);
  EXPECT_EQ(page({.user_id = "nobody"}).unread, 0U);
}

TEST_P(StoreNotificationsContract, AKeyCountsOnceForEachUser) {
  make_users({"ann", "bob"});
  notify(wish({"ann"}, "k"));
  const auto again = notify(wish({"ann", "bob"}, "k"));
  EXPECT_EQ(again[0].outcome, Outcome::repeated);
  EXPECT_EQ(again[1].outcome, Outcome::made);
  EXPECT_EQ(notify(wish({"ann"}, "l"))[0].outcome, Outcome::made);
  EXPECT_EQ(page({.user_id = "ann"}).rows.size(), 2U);
  EXPECT_EQ(notify(wish({"ann"}))[0].outcome, Outcome::made);
  EXPECT_EQ(notify(wish({"ann"}))[0].outcome, Outcome::made) << "no key is no key";
}

TEST_P(StoreNotificationsContract, AKeyIsKnownAfterItsNotificationIsGone) {
  make_users({"ann"});
  notify(wish({"ann"}, "k"));
  remove("ann", {.kind = Kind::all});
  EXPECT_EQ(notify(wish({"ann"}, "k"))[0].outcome, Outcome::repeated);
  EXPECT_TRUE(page({.user_id = "ann"}).rows.empty());
  EXPECT_EQ(prune(kContractStart + std::chrono::seconds(1)), 1U);
  EXPECT_EQ(notify(wish({"ann"}, "k"))[0].outcome, Outcome::made);
}

TEST_P(StoreNotificationsContract, PagesAreStableWhileOthersComeAndGo) {
  make_users({"ann"});
  const auto all = several("ann", 10);
  const auto first = page({.user_id = "ann", .limit = 4});
  ASSERT_EQ(first.rows.size(), 4U);
  EXPECT_TRUE(first.more);
  EXPECT_EQ(first.rows[0].id, all[9]);
  EXPECT_EQ(first.rows[3].id, all[6]);
  several("ann", 3);
  remove("ann", {.ids = {all[6], all[4]}});
  const auto second = page({.user_id = "ann", .before = first.rows[3].seq, .limit = 4});
  EXPECT_TRUE(second.more);
  ASSERT_EQ(second.rows.size(), 4U);
  EXPECT_EQ(second.rows[0].id, all[5]);
  EXPECT_EQ(second.rows[1].id, all[3]);
  const auto third = page({.user_id = "ann", .before = second.rows[3].seq, .limit = 1});
  EXPECT_FALSE(third.more) << "the last row is the last";
  ASSERT_EQ(third.rows.size(), 1U);
  EXPECT_EQ(third.rows[0].id, all[0]);
  EXPECT_TRUE(ids({.user_id = "ann", .before = 1}).empty());
  EXPECT_EQ(page({.user_id = "ann", .before = 1}).unread, 11U);
}

TEST_P(StoreNotificationsContract, PlacesAreNeverGivenTwice) {
  make_users({"ann"});
  several("ann", 3);
  remove("ann", {.kind = Kind::all});
  prune(kContractStart + std::chrono::hours(1));
  reopen();
  notify_one("ann");
  EXPECT_EQ(page({.user_id = "ann"}).rows[0].seq, 4U);
}

TEST_P(StoreNotificationsContract, ReadingCountsOnceAndOnlyOnesOwn) {
  make_users({"ann", "bob"});
  const auto all = several("ann", 4);
  const std::string other = notify_one("bob");
  const auto changed = read("ann", {.ids = {all[1], other, all[1], "nonsense", "", "1-", "99-abc", all[3]}});
  EXPECT_EQ(changed.count, 2U);
  EXPECT_EQ(changed.ids, (std::vector<std::string>{all[1], all[3]}));
  EXPECT_EQ(changed.unread, 2U);
  const auto again = read("ann", {.ids = {all[1]}}, kContractStart + std::chrono::hours(1));
  EXPECT_EQ(again.count, 0U);
  EXPECT_EQ(page({.user_id = "ann", .before = 3}).rows[0].read_at, kContractStart) << "the first reading stands";
  EXPECT_EQ(ids({.user_id = "ann", .unread = true}), (std::vector<std::string>{all[2], all[0]}));
  EXPECT_EQ(page({.user_id = "bob"}).unread, 1U);

  EXPECT_EQ(read("ann", {.kind = Kind::all}).count, 2U);
  const auto none = read("ann", {.kind = Kind::all});
  EXPECT_EQ(none.count, 0U);
  EXPECT_EQ(none.unread, 0U);
  EXPECT_EQ(notify(wish({"ann"}))[0].unread, 1U);
  EXPECT_EQ(read("nobody", {.kind = Kind::all}).count, 0U);
}

TEST_P(StoreNotificationsContract, RemovingKeepsTheCountExact) {
  make_users({"ann", "bob"});
  const auto all = several("ann", 6);
  const std::string other = notify_one("bob");
  read("ann", {.ids = {all[0], all[1], all[2]}});
  EXPECT_EQ(remove("ann", {.ids = {other}}).count, 0U) << "another's, though of the same place";
  auto gone = remove("ann", {.ids = {all[0], all[5], other}});
  EXPECT_EQ(gone.ids, (std::vector<std::string>{all[0], all[5]}));
  EXPECT_EQ(gone.unread, 2U);
  gone = remove("ann", {.kind = Kind::read});
  EXPECT_EQ(gone.count, 2U);
  EXPECT_EQ(gone.unread, 2U);
  EXPECT_EQ(ids({.user_id = "ann"}), (std::vector<std::string>{all[4], all[3]}));
  gone = remove("ann", {.kind = Kind::all});
  EXPECT_EQ(gone.count, 2U);
  EXPECT_EQ(gone.unread, 0U);
  EXPECT_EQ(page({.user_id = "bob"}).unread, 1U);
}

TEST_P(StoreNotificationsContract, TheOldestGoForNewOnes) {
  make_users({"ann"});
  const auto all = several("ann", 5);
  Notify request = wish({"ann"});
  request.held_max = 3;
  const auto done = notify(request);
  EXPECT_EQ(ids({.user_id = "ann"}), (std::vector<std::string>{done[0].row.id, all[4], all[3]}));
  EXPECT_EQ(done[0].unread, 3U);
  request.held_max = 1;
  EXPECT_EQ(notify(request)[0].unread, 1U);
}

TEST_P(StoreNotificationsContract, WhatIsOldGoesInParts) {
  make_users({"ann"});
  several("ann", 3);
  Notify later = wish({"ann"}, "later");
  later.at = kContractStart + std::chrono::hours(2);
  const auto kept = notify(later);
  const WallTime before = kContractStart + std::chrono::hours(1);
  EXPECT_EQ(prune(before, 2), 2U);
  EXPECT_EQ(prune(before, 2), 1U);
  EXPECT_EQ(prune(before, 2), 0U);
  const auto left = page({.user_id = "ann"});
  ASSERT_EQ(left.rows.size(), 1U);
  EXPECT_EQ(left.rows[0].id, kept[0].row.id);
  EXPECT_EQ(left.unread, 1U);
  EXPECT_EQ(notify(later)[0].outcome, Outcome::repeated);
}

TEST_P(StoreNotificationsContract, ADeletedUserLeavesNothing) {
  make_users({"ann", "bob"});
  const std::string before = notify(wish({"ann", "bob"}, "k"))[0].row.id;
  ASSERT_TRUE(run(store_->delete_user("ann", kContractStart, "")).has_value());
  EXPECT_EQ(notify(wish({"ann"}, "k"))[0].outcome, Outcome::unknown);
  EXPECT_EQ(page({.user_id = "bob"}).rows.size(), 1U);
  make_users({"ann"});
  EXPECT_TRUE(page({.user_id = "ann"}).rows.empty());
  const auto fresh = notify(wish({"ann"}, "k"))[0];
  EXPECT_EQ(fresh.outcome, Outcome::made);
  EXPECT_EQ(fresh.row.seq, 1U) << "nothing is known of the one before";
  EXPECT_NE(fresh.row.id, before) << "an id is never given twice";
  EXPECT_EQ(read("ann", {.ids = {before}}).count, 0U);
}

/// The count is that of the rows whatever was done in whatever order: compared with a plain list.
TEST_P(StoreNotificationsContract, TheCountIsThatOfTheRows) {
  make_users({"ann"});
  std::uint32_t state = 7;
  const auto draw = [&state](std::uint32_t below) { return (state = state * 1664525 + 1013904223) / 65536 % below; };
  std::vector<std::pair<std::string, bool>> held;  // id, read
  for (int step = 0; step < 300; ++step) {
    const std::string any = held.empty() ? "1-x" : held[draw(static_cast<std::uint32_t>(held.size()))].first;
    switch (draw(8)) {
      case 0:
        read("ann", {.ids = {any}});
        for (auto& [id, done] : held) done = done || id == any;
        break;
      case 1:
        remove("ann", {.ids = {any}});
        std::erase_if(held, [&any](const auto& one) { return one.first == any; });
        break;
      case 2:
        if (draw(4) != 0) break;
        remove("ann", {.kind = Kind::read});
        std::erase_if(held, [](const auto& one) { return one.second; });
        break;
      default: {
        Notify request = wish({"ann"});
        request.held_max = 20;
        held.emplace_back(notify(request).at(0).row.id, false);
        if (held.size() > 20) held.erase(held.begin());
      }
    }
    const auto unread =
        static_cast<std::uint64_t>(std::ranges::count(held, false, &std::pair<std::string, bool>::second));
    const auto now = page({.user_id = "ann", .limit = 100});
    ASSERT_EQ(now.unread, unread) << "step " << step;
    ASSERT_EQ(now.rows.size(), held.size()) << "step " << step;
  }
}

}  // namespace gatecast::store
