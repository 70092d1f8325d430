// Two stores on one database, as two nodes have: users, identities, grants and notifications changed by both at once.
#include <array>
#include <map>
#include <set>

#include "adapters/postgres/test_postgres.hpp"
#include "store/sample.hpp"

namespace gatecast::postgres {
namespace {

using namespace std::chrono_literals;
using store::gather;
using store::GrantChange;
using store::kContractStart;
using store::Notified;

store::UserChange make_change(const std::string& id) {
  store::UserChange change{.id = id};
  change.new_user.ref_code = "ref-" + id;
  change.new_user.created_at = kContractStart;
  return change;
}
store::IdentityRow make_identity(const std::string& kind, const std::string& subject) {
  return {.id = "id of " + subject, .user_id = {}, .kind = kind, .subject = subject};
}

class Affairs : public ::testing::Test {
 protected:
  Affairs() {
    for (auto& node : nodes_) node = place_.open(Options{});
  }
  template <class T>
  T run(Task<T> task) {
    return loop_.run(std::move(task));
  }
  PostgresStore& node(std::size_t i) { return *nodes_[i % nodes_.size()]; }
  void make_users(const std::vector<std::string>& ids) {
    std::vector<store::UserChange> changes;
    for (const auto& id : ids) changes.push_back(make_change(id));
    auto done = run(node(0).upsert_users(changes, kContractStart, false));
    ASSERT_TRUE(done.has_value()) << done.error().detail;
  }
  static std::vector<std::string> names(int count) {
    std::vector<std::string> out;
    for (int i = 0; i < count; ++i) out.push_back(fmt::format("u{:03}", i));
    return out;
  }
  store::GrantAdd wish(const std::string& user, int n, std::vector<GrantChange>& told) {
    store::GrantAdd request{.id = fmt::format("{}-{}", user, n), .user_id = user, .resource = fmt::format("r{}", n)};
    request.most = 1000;
    // Each store's thread tells one list only.
    request.landed = [&told](std::span<const GrantChange> changes) {
      told.insert(told.end(), changes.begin(), changes.end());
    };
    return request;
  }
  store::Notify notice(std::vector<std::string> users, std::string key) {
    store::Notify request{.recipients = {}, .kind = "like", .data = "{}", .key = std::move(key)};
    for (auto& user : users) request.recipients.push_back({.user_id = std::move(user)});
    request.at = kContractStart;
    request.held_max = 1000;
    return request;
  }
  std::string value(const std::string& sql) { return place_.sql().value(sql); }
  /// The additions, and beside them the deletion of their user.
  Task<std::vector<Result<store::GrantAdded>>> with_deletion(std::vector<Task<Result<store::GrantAdded>>> adds) {
    spawn(note_deletion(node(0).delete_user("ann", kContractStart, "test")));
    auto outcomes = co_await gather(std::move(adds));
    while (!deleted_.has_value()) co_await gather(pings());
    EXPECT_TRUE(*std::exchange(deleted_, std::nullopt));
    co_return outcomes;
  }
  Task<void> note_deletion(Task<Result<std::vector<store::SessionRow>>> task) {
    const auto done = co_await std::move(task);
    deleted_ = done.has_value();
  }
  std::vector<Task<Result<void>>> pings() {
    std::vector<Task<Result<void>>> out;
    out.push_back(node(0).ping());
    return out;
  }
  std::optional<bool> deleted_{};

  template <class T>
  Task<void> expect_all(std::vector<Task<Result<T>>> tasks, int& left) {
    for (const auto& done : co_await gather(std::move(tasks))) EXPECT_TRUE(done.has_value()) << done.error().detail;
    --left;
  }
  /// All at once.
  Task<bool> all_of(std::vector<Task<Result<std::vector<Notified>>>> made,
                    std::vector<Task<Result<store::NotificationsChanged>>> changed,
                    std::vector<Task<Result<std::uint64_t>>> pruned) {
    int left = 3;
    spawn(expect_all(std::move(made), left));
    spawn(expect_all(std::move(changed), left));
    spawn(expect_all(std::move(pruned), left));
    while (left > 0) co_await gather(pings());
    co_return true;
  }

  PostgresPlace place_;
  ManualClock clock_;
  ManualLoop loop_{clock_};
  std::array<std::unique_ptr<PostgresStore>, 2> nodes_;
};

TEST_F(Affairs, VersionsOfGrantsRiseByOneWhicheverNodeCounts) {
  make_users({"ann"});
  std::array<std::vector<GrantChange>, 2> told;
  std::vector<Task<Result<store::GrantAdded>>> tasks;
  for (int i = 0; i < 60; ++i) {
    const auto at = static_cast<std::size_t>(i % 2);
    tasks.push_back(node(at).add_grant(wish("ann", i, told[at])));
  }
  std::set<std::uint64_t> versions;
  for (auto& done : run(gather(std::move(tasks)))) {
    ASSERT_TRUE(done.has_value()) << done.error().detail;
    versions.insert(done->change.version);
  }
  EXPECT_EQ(versions.size(), 60U);
  EXPECT_EQ(*versions.rbegin(), 60U);
  for (const auto& list : told) {
    EXPECT_EQ(list.size(), 30U);
    for (std::size_t i = 1; i < list.size(); ++i) EXPECT_LT(list[i - 1].version, list[i].version);
  }
  EXPECT_EQ(value("SELECT version || ' ' || standing FROM gatecast.grant_holders"), "60 60");
}

TEST_F(Affairs, WhatIsDueIsToldOnceThoughBothNodesSweep) {
  const auto users = names(40);
  make_users(users);
  std::array<std::vector<GrantChange>, 2> told;
  std::vector<Task<Result<store::GrantAdded>>> tasks;
  for (const auto& user : users) {
    for (int n = 0; n < 3; ++n) {
      auto request = wish(user, n, told[0]);
      request.until = place_.clock().wall() + 1s;
      request.landed = nullptr;
      tasks.push_back(node(0).add_grant(std::move(request)));
    }
  }
  for (auto& done : run(gather(std::move(tasks)))) ASSERT_TRUE(done.has_value()) << done.error().detail;
  place_.clock().advance(2s);
  std::uint64_t moved = 0;
  for (int round = 0; round < 50 && moved < 120; ++round) {
    std::vector<Task<Result<store::GrantsSwept>>> sweeps;
    for (std::size_t i = 0; i < 4; ++i) {
      auto& list = told[i % 2];
      sweeps.push_back(node(i).sweep_grants(16, [&list](std::span<const GrantChange> changes) {
        list.insert(list.end(), changes.begin(), changes.end());
      }));
    }
    for (auto& swept : run(gather(std::move(sweeps)))) {
      ASSERT_TRUE(swept.has_value()) << swept.error().detail;
      moved += swept->moved;
    }
  }
  EXPECT_EQ(moved, 120U);
  std::set<std::string> ids;
  std::map<std::string, std::uint64_t> last;
  for (const auto& list : told) {
    for (const auto& change : list) {
      EXPECT_EQ(change.news, store::GrantNews::expired);
      EXPECT_TRUE(ids.insert(change.grant.id).second) << change.grant.id << " was told twice";
    }
  }
  EXPECT_EQ(ids.size(), 120U);
  EXPECT_EQ(value("SELECT count(*) FROM gatecast.grant_holders WHERE version = 6 AND standing = 0"), "40");
  EXPECT_EQ(value("SELECT count(*) FROM gatecast.audit WHERE kind = 'grant_expired'"), "120");
}

TEST_F(Affairs, AGrantOfAUserWhoIsBeingDeletedIsRefusedOrGone) {
  for (int round = 0; round < 10; ++round) {
    make_users({"ann"});
    std::vector<GrantChange> told;
    std::vector<Task<Result<store::GrantAdded>>> adds;
    for (int i = 0; i < 6; ++i) adds.push_back(node(1).add_grant(wish("ann", i, told)));
    const auto outcomes = run(with_deletion(std::move(adds)));
    for (const auto& done : outcomes) {
      if (!done) EXPECT_EQ(done.error().code, Errc::user_unknown) << done.error().detail;
    }
    EXPECT_EQ(value("SELECT count(*) FROM gatecast.grants"), "0");
    EXPECT_EQ(value("SELECT count(*) FROM gatecast.grant_holders"), "0");
  }
}

TEST_F(Affairs, AKeyIsMadeOnceForEachUserThoughTwoNodesNotifyInOppositeOrders) {
  auto users = names(50);
  make_users(users);
  auto back = users;
  std::ranges::reverse(back);
  std::vector<Task<Result<std::vector<Notified>>>> tasks;
  for (int round = 0; round < 4; ++round) {
    tasks.push_back(node(0).notify(notice(users, fmt::format("k{}", round))));
    tasks.push_back(node(1).notify(notice(back, fmt::format("k{}", round))));
  }
  std::map<std::string, int> made;
  for (auto& done : run(gather(std::move(tasks)))) {
    ASSERT_TRUE(done.has_value()) << done.error().detail;
    for (const auto& one : *done) {
      if (one.outcome == Notified::Outcome::made) ++made[one.row.user_id];
    }
  }
  EXPECT_EQ(made.size(), 50U);
  for (const auto& [user, count] : made) EXPECT_EQ(count, 4) << user;
  EXPECT_EQ(value("SELECT count(*) FROM gatecast.inboxes WHERE unread = 4 AND held = 4 AND version = 4"), "50");
}

TEST_F(Affairs, CountsOfAnInboxAreThoseOfItsRowsWhateverBothNodesDo) {
  const auto users = names(6);
  make_users(users);
  std::uint32_t state = 11;
  const auto draw = [&state](std::uint32_t below) { return (state = state * 1664525 + 1013904223) / 65536 % below; };
  using Kind = store::NotificationChoice::Kind;
  for (int round = 0; round < 12; ++round) {
    std::vector<Task<Result<std::vector<Notified>>>> made;
    std::vector<Task<Result<store::NotificationsChanged>>> changed;
    std::vector<Task<Result<std::uint64_t>>> pruned;
    for (std::size_t i = 0; i < 8; ++i) {
      auto request = notice({users[draw(6)]}, {});
      if (const auto& other = users[draw(6)]; other != request.recipients[0].user_id) {
        request.recipients.push_back({.user_id = other});
      }
      request.held_max = 4;
      request.at = kContractStart + std::chrono::seconds(round);
      made.push_back(node(i).notify(std::move(request)));
      const auto& user = users[draw(6)];
      changed.push_back(draw(2) == 0 ? node(i).read_notifications(user, {.kind = Kind::all}, kContractStart)
                                     : node(i).remove_notifications(user, {.kind = Kind::read}));
    }
    pruned.push_back(node(0).prune_notifications(kContractStart + std::chrono::seconds(round - 3), 3));
    pruned.push_back(node(1).prune_notifications(kContractStart + std::chrono::seconds(round - 3), 3));
    EXPECT_TRUE(run(all_of(std::move(made), std::move(changed), std::move(pruned))));
    ASSERT_EQ(value("SELECT count(*) FROM gatecast.inboxes i WHERE"
                    " held <> (SELECT count(*) FROM gatecast.notifications n WHERE n.user_id = i.user_id) OR"
                    " unread <> (SELECT count(*) FROM gatecast.notifications n WHERE n.user_id = i.user_id"
                    " AND n.read_at IS NULL)"),
              "0")
        << "round " << round;
  }
}

TEST_F(Affairs, TheSameUsersSaidByBothNodesAreMadeOnce) {
  std::vector<store::UserChange> changes;
  for (const auto& id : names(80)) {
    auto change = make_change(id);
    change.nickname = "nick";
    change.identities = {make_identity("ethereum", "0x" + id)};
    changes.push_back(std::move(change));
  }
  auto back = changes;
  std::ranges::reverse(back);
  std::vector<Task<Result<std::vector<store::UserChanged>>>> tasks;
  tasks.push_back(node(0).upsert_users(changes, kContractStart, false));
  tasks.push_back(node(1).upsert_users(back, kContractStart, false));
  int created = 0;
  for (auto& done : run(gather(std::move(tasks)))) {
    ASSERT_TRUE(done.has_value()) << done.error().detail;
    for (const auto& one : *done) {
      EXPECT_TRUE(one.ok) << one.user.id;
      created += one.created ? 1 : 0;
    }
  }
  EXPECT_EQ(created, 80);
  EXPECT_EQ(value("SELECT count(*) FROM gatecast.identities"), "80");
  EXPECT_EQ(value("SELECT count(*) FROM gatecast.audit WHERE kind = 'user_created'"), "80");
}

TEST_F(Affairs, ACodeWantedOnBothNodesIsGivenToOne) {
  make_users({"ann", "bob"});
  for (int round = 0; round < 10; ++round) {
    std::vector<Task<Result<std::vector<store::UserChanged>>>> tasks;
    for (std::size_t i = 0; i < 2; ++i) {
      store::UserChange change{.id = i == 0 ? "ann" : "bob"};
      change.ref_code = fmt::format("code{}", round);
      tasks.push_back(node(i).upsert_users({change}, kContractStart, false));
    }
    int taken = 0;
    for (auto& done : run(gather(std::move(tasks)))) {
      ASSERT_TRUE(done.has_value()) << done.error().detail;
      const auto& one = done->front();
      if (!one.ok) EXPECT_EQ(one.refused, Errc::ref_code_taken);
      taken += one.ok ? 0 : 1;
    }
    EXPECT_EQ(taken, 1) << "round " << round;
  }
}

TEST_F(Affairs, AnIdentityGoesToOneUserAndANonceToOneLink) {
  make_users({"ann", "bob"});
  for (int round = 0; round < 10; ++round) {
    std::vector<Task<Result<store::Linked>>> tasks;
    for (std::size_t i = 0; i < 2; ++i) {
      store::Link link{.nonce = {}, .identity = make_identity("solana", fmt::format("s{}", round))};
      link.identity.user_id = i == 0 ? "ann" : "bob";
      link.identity.created_at = kContractStart;
      tasks.push_back(node(i).link(std::move(link)));
    }
    int linked = 0;
    for (auto& done : run(gather(std::move(tasks)))) {
      if (!done) EXPECT_EQ(done.error().code, Errc::identity_taken) << done.error().detail;
      linked += done && done->now ? 1 : 0;
    }
    EXPECT_EQ(linked, 1) << "round " << round;
  }
  std::vector<Task<Result<store::Linked>>> tasks;
  for (std::size_t i = 0; i < 2; ++i) {
    store::Link link{.nonce = "one nonce", .nonce_expires = kContractStart + 1min};
    link.identity = make_identity("ethereum", fmt::format("e{}", i));
    link.identity.user_id = i == 0 ? "ann" : "bob";
    link.identity.created_at = kContractStart;
    tasks.push_back(node(i).link(std::move(link)));
  }
  int used = 0;
  for (auto& done : run(gather(std::move(tasks)))) {
    if (!done) EXPECT_EQ(done.error().code, Errc::nonce_used) << done.error().detail;
    used += done ? 0 : 1;
  }
  EXPECT_EQ(used, 1);
}

TEST_F(Affairs, IdentitiesAreCountedThoughBothNodesLinkAndOneAlwaysStays) {
  make_users({"ann"});
  std::vector<Task<Result<store::Linked>>> tasks;
  for (std::size_t i = 0; i < 24; ++i) {
    store::Link link{.nonce = {}, .identity = make_identity("solana", fmt::format("s{}", i))};
    link.identity.user_id = "ann";
    link.identity.created_at = kContractStart;
    tasks.push_back(node(i).link(std::move(link)));
  }
  std::vector<std::string> held;
  for (auto& done : run(gather(std::move(tasks)))) {
    if (done) held.push_back(done->identity.id);
    if (!done) EXPECT_EQ(done.error().code, Errc::identity_limit) << done.error().detail;
  }
  EXPECT_EQ(held.size(), store::kIdentitiesMax);
  std::vector<Task<Result<store::Unlinked>>> away;
  for (std::size_t i = 0; i < held.size(); ++i) {
    away.push_back(node(i).unlink("ann", held[i], kContractStart, "192.0.2.1"));
  }
  int kept = 0;
  for (auto& done : run(gather(std::move(away)))) {
    if (!done) EXPECT_EQ(done.error().code, Errc::identity_last) << done.error().detail;
    kept += done ? 0 : 1;
  }
  EXPECT_EQ(kept, 1);
}

}  // namespace
}  // namespace gatecast::postgres
