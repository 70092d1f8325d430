// The cases of store/grants.hpp: what a change does to grants, version and audit log, and what is told of it.
//
// Place: as contract_cases.hpp, which is included first.
#pragma once

#include "store/contract_users_cases.hpp"
#include "store/grants.hpp"

namespace gatecast::store {

using namespace std::chrono_literals;

/// The suite with user `ann` and one call at hand; `told` is what landed, as text.
class StoreGrantsContract : public StoreUsersContract {
 protected:
  StoreGrantsContract() { upsert_one(make_change("ann")); }

  GrantAdd wish(const std::string& resource, const std::string& key = {}) {
    GrantAdd request{.id = "id-" + resource + key, .user_id = "ann", .resource = resource, .key = key};
    request.most = 10;
    request.actor = "key:shop";
    request.ip = "192.0.2.1";
    request.landed = landed();
    return request;
  }
  GrantAdded add(GrantAdd request) {
    auto done = run(store_->add_grant(std::move(request)));
    EXPECT_TRUE(done.has_value()) << done.error().detail;
    return done ? *done : GrantAdded{};
  }
  GrantsRemoved remove(GrantRemove request) {
    request.landed = landed();
    auto gone = run(store_->remove_grants(std::move(request)));
    EXPECT_TRUE(gone.has_value()) << gone.error().detail;
    return gone ? *gone : GrantsRemoved{};
  }
  GrantsSwept sweep(std::uint32_t limit = 100) {
    auto swept = run(store_->sweep_grants(limit, landed()));
    EXPECT_TRUE(swept.has_value()) << swept.error().detail;
    return swept ? *swept : GrantsSwept{};
  }
  UserGrants of(const std::string& user) {
    auto all = run(store_->grants_of({user}));
    EXPECT_TRUE(all.has_value());
    return all && all->size() == 1 ? all->front() : UserGrants{};
  }
  Strings resources(const std::string& user = "ann") {
    Strings names;
    for (const auto& grant : of(user).grants) {
      names.push_back(grant.resource + (grant.state == GrantState::held ? "" : " pending"));
    }
    return names;
  }
  /// The kinds about grants, without what came before.
  Strings grant_kinds() {
    Strings kinds = audit_kinds();
    std::erase_if(kinds, [](const std::string& kind) { return !kind.starts_with("grant_"); });
    return kinds;
  }
  WallTime now() { return place_->clock().wall(); }

  Strings told;

 private:
  GrantsLanded landed() {
    // On the store's thread, before the answer: the test reads it after that.
    return [this](std::span<const GrantChange> changes) {
      constexpr const char* kNews[] = {"none", "added", "changed", "removed", "expired"};
      for (const auto& change : changes) {
        told.push_back(
            fmt::format("{} {} {}", change.version, kNews[static_cast<int>(change.news)], change.grant.resource));
      }
    };
  }
};

TEST_P(StoreGrantsContract, AGrantIsMadeOnceAndTheSameAgainChangesNothing) {
  EXPECT_EQ(of("ann").version, 0U);
  GrantAdd request = wish("post:42", "order 1");
  request.meta = R"({"price":3})";
  const GrantAdded first = add(request);
  EXPECT_TRUE(first.changed);
  EXPECT_EQ(first.change.version, 1U);
  EXPECT_EQ(first.change.news, GrantNews::added);
  EXPECT_EQ(first.change.grant.from, now());
  place_->clock().advance(10s);
  request.id = "another";
  const GrantAdded again = add(request);
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(again.change.version, 1U);
  EXPECT_EQ(again.change.grant, first.change.grant);
  const auto all = of("ann");
  EXPECT_EQ(all.version, 1U);
  ASSERT_EQ(all.grants.size(), 1U);
  EXPECT_EQ(all.grants[0], first.change.grant);
  EXPECT_EQ(all.grants[0].meta, R"({"price":3})");
  EXPECT_EQ(told, (Strings{"1 added post:42"}));
  EXPECT_EQ(grant_kinds(), (Strings{"grant_added"}));
  const auto row = place_->audit_rows().back();
  EXPECT_EQ(row.user_id, "ann");
  EXPECT_EQ(row.ip, "192.0.2.1");
  EXPECT_EQ(row.detail, R"({"change":"added","id":"id-post:42order 1","resource":"post:42","key":"order 1"})"
                        "\nkey:shop");
}

TEST_P(StoreGrantsContract, OtherMembersChangeItInPlace) {
  const std::string id = add(wish("post:1")).change.grant.id;
  GrantAdd other = wish("post:1");
  other.id = "unused";
  other.until = now() + 1h;
  EXPECT_EQ(add(other).change.news, GrantNews::changed);
  other.meta = R"({"a":1})";
  const GrantAdded last = add(other);
  EXPECT_EQ(last.change.version, 3U);
  EXPECT_EQ(last.change.grant.id, id);
  EXPECT_EQ(of("ann").grants.size(), 1U);
  // Another key is another grant of the same resource.
  EXPECT_EQ(add(wish("post:1", "two")).change.news, GrantNews::added);
  EXPECT_EQ(of("ann").grants.size(), 2U);
  EXPECT_EQ(grant_kinds(), (Strings{"grant_added", "grant_changed", "grant_changed", "grant_added"}));
}

TEST_P(StoreGrantsContract, ATimeToLiveCountsFromItsBeginningSoARetryDoesNotProlong) {
  GrantAdd request = wish("pass");
  request.ttl = 60s;
  const GrantAdded first = add(request);
  EXPECT_EQ(first.change.grant.until, now() + 60s);
  place_->clock().advance(30s);
  EXPECT_FALSE(add(request).changed);
  place_->clock().advance(31s);
  EXPECT_EQ(sweep().moved, 1U);
  EXPECT_FALSE(add(request).changed) << "a retry does not bring back what is over";
  EXPECT_TRUE(resources().empty());
  request.ttl = 120s;
  EXPECT_EQ(add(request).change.news, GrantNews::added);
  EXPECT_EQ(told, (Strings{"1 added pass", "2 expired pass", "3 added pass"}));
}

TEST_P(StoreGrantsContract, WhatBeginsAndEndsDoesSoWhenItsTimeHasCome) {
  GrantAdd later = wish("later");
  later.from = now() + 10s;
  later.until = now() + 30s;
  const GrantAdded made = add(later);
  EXPECT_TRUE(made.changed);
  EXPECT_EQ(made.change.version, 0U) << "nothing is held yet";
  EXPECT_EQ(made.change.news, GrantNews::none);
  EXPECT_EQ(resources(), (Strings{"later pending"}));
  EXPECT_EQ(sweep().moved, 0U);
  EXPECT_EQ(sweep().next, made.change.grant.from);
  place_->clock().advance(10s);
  const GrantsSwept begun = sweep();
  EXPECT_EQ(begun.moved, 1U);
  EXPECT_EQ(begun.next, made.change.grant.until);
  EXPECT_EQ(begun.now, now());
  EXPECT_EQ(resources(), (Strings{"later"}));
  place_->clock().advance(20s);
  EXPECT_EQ(sweep().next, std::nullopt);
  EXPECT_TRUE(resources().empty());
  EXPECT_EQ(of("ann").version, 2U);
  EXPECT_EQ(told, (Strings{"0 none later", "1 added later", "2 expired later"}));
  EXPECT_EQ(grant_kinds(), (Strings{"grant_changed", "grant_added", "grant_expired"}));

  // Both moments passed while nobody looked: it was never held.
  GrantAdd missed = wish("missed");
  missed.from = now() + 1s;
  missed.until = now() + 2s;
  add(missed);
  place_->clock().advance(1h);
  EXPECT_EQ(sweep().moved, 1U);
  EXPECT_EQ(of("ann").version, 2U);
  EXPECT_EQ(told.back(), "2 none missed");
}

TEST_P(StoreGrantsContract, TheEarliestComeFirstAndOnlySoMany) {
  for (int i = 3; i >= 1; --i) {
    GrantAdd request = wish(fmt::format("r{}", i));
    request.until = now() + i * 1s;
    add(request);
  }
  place_->clock().advance(10s);
  told.clear();
  EXPECT_EQ(sweep(2).moved, 2U);
  EXPECT_EQ(told, (Strings{"4 expired r1", "5 expired r2"}));
  EXPECT_EQ(sweep(2).moved, 1U);
  EXPECT_EQ(told.back(), "6 expired r3");
}

TEST_P(StoreGrantsContract, AnEndInThePastEndsItAtOnce) {
  add(wish("a"));
  GrantAdd ended = wish("a");
  ended.until = now() - 1s;
  EXPECT_EQ(add(ended).change.news, GrantNews::expired);
  EXPECT_TRUE(resources().empty());
  GrantAdd moved = wish("b");
  add(moved);
  moved.from = now() + 1h;
  EXPECT_EQ(add(moved).change.news, GrantNews::removed) << "it begins later now";
  EXPECT_EQ(resources(), (Strings{"b pending"}));
  EXPECT_EQ(of("ann").version, 4U);
}

TEST_P(StoreGrantsContract, RemovingByResourceKeyAndId) {
  add(wish("a", "1"));
  add(wish("a", "2"));
  const std::string id = add(wish("a", "3")).change.grant.id;
  add(wish("b"));
  told.clear();
  EXPECT_EQ(remove({.user_id = "ann", .resource = "a", .key = "2"}).removed, 1U);
  const GrantsRemoved by_id = remove({.user_id = "ann", .id = id});
  EXPECT_EQ(by_id.removed, 1U);
  EXPECT_EQ(by_id.version, 6U);
  EXPECT_EQ(remove({.user_id = "ann", .id = id}).removed, 0U);
  EXPECT_EQ(remove({.user_id = "ann", .id = "id-b", .resource = "a"}).removed, 0U);
  EXPECT_EQ(remove({.user_id = "ann", .resource = "c"}).version, 6U);
  EXPECT_EQ(remove({.user_id = "ann", .resource = "a"}).removed, 1U);
  EXPECT_EQ(resources(), (Strings{"b"}));
  EXPECT_EQ(told, (Strings{"5 removed a", "6 removed a", "7 removed a"}));
  EXPECT_EQ(grant_kinds().size(), 7U);
  EXPECT_EQ(grant_kinds().back(), "grant_removed");
}

TEST_P(StoreGrantsContract, OnlyKnownUsersAndThoseOfTrustedIssuersHoldAny) {
  GrantAdd nobody = wish("a");
  nobody.user_id = "nobody";
  EXPECT_EQ(run(store_->add_grant(nobody)).error().code, Errc::user_unknown);
  EXPECT_EQ(run(store_->remove_grants({.user_id = "nobody", .resource = "a"})).error().code, Errc::user_unknown);
  nobody.user_id = "app:7";
  nobody.foreign = true;
  EXPECT_EQ(add(nobody).change.version, 1U);
  EXPECT_EQ(resources("app:7"), (Strings{"a"}));
  EXPECT_TRUE(told.size() == 1);
  const auto all = *run(store_->grants_of({"ann", "app:7", "nobody"}));
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].version, 0U);
  EXPECT_EQ(all[1].grants.size(), 1U);
  EXPECT_TRUE(all[2].grants.empty());
}

TEST_P(StoreGrantsContract, TheLimitCountsWhatIsNotOver) {
  GrantAdd request = wish("a");
  request.most = 2;
  add(request);
  request = wish("b");
  request.most = 2;
  request.from = now() + 1s;
  request.until = now() + 2s;
  add(request);
  GrantAdd third = wish("c");
  third.most = 2;
  EXPECT_EQ(run(store_->add_grant(third)).error().code, Errc::grant_limit);
  EXPECT_EQ(resources(), (Strings{"a", "b pending"}));
  EXPECT_EQ(of("ann").version, 1U);
  // One that is there may be changed, and what is over makes room.
  request.until = now() + 3s;
  EXPECT_TRUE(add(request).changed);
  place_->clock().advance(5s);
  sweep();
  EXPECT_TRUE(add(third).changed);
  EXPECT_EQ(run(store_->add_grant([&] {
              GrantAdd fourth = wish("d");
              fourth.most = 2;
              return fourth;
            }()))
                .error()
                .code,
            Errc::grant_limit);
  EXPECT_EQ(remove({.user_id = "ann", .resource = "a"}).removed, 1U);
  EXPECT_TRUE(add(wish("d")).changed);
}

TEST_P(StoreGrantsContract, AHundredAtOnceHaveAHundredVersionsToldInTheirOrder) {
  std::vector<Task<Result<GrantAdded>>> tasks;
  for (int i = 0; i < 100; ++i) {
    GrantAdd request = wish(fmt::format("r{}", i));
    request.most = 1000;
    tasks.push_back(store_->add_grant(std::move(request)));
  }
  std::set<std::uint64_t> versions;
  for (auto& done : run(gather(std::move(tasks)))) {
    ASSERT_TRUE(done.has_value());
    versions.insert(done->change.version);
  }
  EXPECT_EQ(versions.size(), 100U);
  EXPECT_EQ(*versions.rbegin(), 100U);
  ASSERT_EQ(told.size(), 100U);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(told[static_cast<std::size_t>(i)].starts_with(fmt::format("{} added ", i + 1)));
  }
}

TEST_P(StoreGrantsContract, ADeletedUsersGrantsAreGone) {
  add(wish("a"));
  GrantAdd ending = wish("b");
  ending.until = now() + 1s;
  add(ending);
  ASSERT_TRUE(run(store_->delete_user("ann", now(), "key:shop")).has_value());
  EXPECT_TRUE(of("ann").grants.empty());
  place_->clock().advance(5s);
  EXPECT_EQ(sweep().moved, 0U);
  upsert_one(make_change("ann"));
  EXPECT_TRUE(resources().empty());
  EXPECT_EQ(of("ann").version, 0U);
  for (const auto& row : place_->audit_rows()) {
    if (row.kind == "grant_added") EXPECT_EQ(row.detail, "") << "what was bought is personal";
  }
}

TEST_P(StoreGrantsContract, WhatIsOverIsForgottenWithTheAuditLog) {
  GrantAdd request = wish("a");
  request.ttl = 1s;
  add(request);
  add(wish("stays"));
  place_->clock().advance(2s);
  sweep();
  ASSERT_TRUE(run(store_->prune(now(), now() - 1h, now())).has_value());
  EXPECT_FALSE(add(request).changed) << "it is remembered";
  place_->clock().advance(2h);
  ASSERT_TRUE(run(store_->prune(now(), now() - 1h, now())).has_value());
  EXPECT_TRUE(add(request).changed);
  EXPECT_EQ(resources().back(), "stays");
}

TEST_P(StoreGrantsContract, AllOfItIsThereAfterARestart) {
  GrantAdd request = wish("a", "k\"\\");
  request.until = now() + 1h;
  request.meta = R"({"x":[1,2]})";
  const GrantAdded made = add(request);
  reopen();
  const auto all = of("ann");
  EXPECT_EQ(all.version, 1U);
  ASSERT_EQ(all.grants.size(), 1U);
  EXPECT_EQ(all.grants[0], made.change.grant);
  EXPECT_EQ(sweep().next, request.until);
}

}  // namespace gatecast::store
