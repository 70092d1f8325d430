// The store on a real server, where it is one of several and where things go wrong.
#include "adapters/postgres/test_postgres.hpp"

namespace gatecast::postgres {
namespace {

using namespace std::chrono_literals;
using store::kContractStart;
using store::make_sign_in;
using store::RotationDecision;
using store::RotationRow;
using store::SignedIn;

/// First presented: rotate; behind by one: the answer was lost, so the same again.
RotationDecision rotate_from(std::uint64_t presented, const RotationRow& row) {
  using Kind = RotationDecision::Kind;
  if (row.end_reason) return {.kind = Kind::refuse, .reason = *row.end_reason};
  if (presented < row.gen) return {.kind = Kind::repeat, .gen = row.gen, .kept_gen = row.kept_gen};
  return {.kind = Kind::rotate, .gen = presented + 1, .kept_gen = row.kept_gen, .expires_at = row.expires_at};
}

store::Renewal renewal(const std::string& sid, const std::string& tag, std::uint64_t presented = 1) {
  store::Renewal request{.sid = sid, .secret_hash = "secret of " + tag, .ip = "192.0.2.7"};
  request.decide = [presented](const RotationRow& row, WallTime) { return rotate_from(presented, row); };
  return request;
}

class PostgresStoreTest : public ::testing::Test {
 protected:
  template <class T>
  T run(Task<T> task) {
    return loop_.run(std::move(task));
  }
  SignedIn sign_in(store::Store& store, const std::string& subject, const std::string& tag) {
    Result<SignedIn> done = run(store.sign_in(make_sign_in(subject, tag)));
    EXPECT_TRUE(done.has_value()) << done.error().detail;
    return done ? *done : SignedIn{};
  }
  /// Starts the task; its result lands in what is returned.
  template <class T>
  std::shared_ptr<std::optional<T>> start(Task<T> task) {
    auto out = std::make_shared<std::optional<T>>();
    spawn(keep(std::move(task), out));
    return out;
  }
  template <class T>
  T wait_for(const std::shared_ptr<std::optional<T>>& out) {
    while (!out->has_value()) {
      if (!loop_.turn()) std::this_thread::yield();
    }
    return std::move(**out);
  }
  /// Until a statement of the store waits for a lock (or for a standby).
  void until_one_waits(Sql& sql, const std::string& type = "Lock") {
    const std::string waiting = fmt::format(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gatecast' AND wait_event_type = '{}'"
        " AND datname = current_database()",
        type);
    while (sql.value(waiting) == "0") loop_.turn();
  }
  void cut_those_waiting(Sql& sql) {
    sql.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gatecast'"
        " AND wait_event_type = 'Lock' AND datname = current_database()");
  }
  std::string standing(const std::string& user) {
    return place_.sql().value(
        fmt::format("SELECT count(*) FROM gatecast.sessions WHERE user_id = '{}' AND ended_at IS NULL", user));
  }

  ManualClock clock_;
  ManualLoop loop_{clock_};
  PostgresPlace place_;
  std::unique_ptr<PostgresStore> one_ = place_.open(Options{});

 private:
  template <class T>
  static Task<void> keep(Task<T> task, std::shared_ptr<std::optional<T>> out) {
    out->emplace(co_await std::move(task));
  }
};

TEST_F(PostgresStoreTest, OneRotationOfManyOnTwoNodes) {
  auto two = place_.open(Options{});
  const std::string sid = sign_in(*one_, "wallet", "a").session.sid;
  std::vector<Task<Result<store::Renewed>>> tasks;
  for (int i = 0; i < 40; ++i) tasks.push_back((i % 2 == 0 ? *one_ : *two).renew(renewal(sid, "a")));
  int rotations = 0;
  for (const auto& result : run(store::gather(std::move(tasks)))) {
    ASSERT_TRUE(result.has_value()) << result.error().detail;
    EXPECT_EQ(result->decision.gen, 2U);
    EXPECT_EQ(result->view.session.gen, 2U);
    rotations += result->decision.kind == RotationDecision::Kind::rotate ? 1 : 0;
  }
  EXPECT_EQ(rotations, 1);
  EXPECT_EQ(run(one_->session(sid))->session.gen, 2U);
}

TEST_F(PostgresStoreTest, ASignInBehindABlockUnderWayIsRefused) {
  sign_in(*one_, "wallet", "a");
  Sql other = place_.sql();
  other.run("BEGIN; UPDATE gatecast.users SET blocked = true WHERE id = 'user-a'");
  auto late = start(one_->sign_in(make_sign_in("wallet", "b")));
  Sql watch = place_.sql();
  until_one_waits(watch);
  other.run("COMMIT");
  EXPECT_EQ(wait_for(late).error().code, Errc::user_blocked);
  EXPECT_EQ(standing("user-a"), "1");
}

TEST_F(PostgresStoreTest, AnEndingWaitsForASignInUnderWayAndEndsIt) {
  sign_in(*one_, "wallet", "a");
  // A sign-in of another node that has not committed yet.
  Sql other = place_.sql();
  other.run(
      "BEGIN; SELECT 1 FROM gatecast.users WHERE id = 'user-a' FOR SHARE;"
      "INSERT INTO gatecast.sessions (sid, user_id, identity_id, how, ip, user_agent, created_at, last_seen_at,"
      " expires_at, gen, rotated_at, absolute_expires_at, renewed_ip) SELECT 'late', user_id, identity_id, how, ip,"
      " user_agent, created_at, last_seen_at, expires_at, gen, rotated_at, absolute_expires_at, renewed_ip"
      " FROM gatecast.sessions");
  auto ending = start(one_->end_sessions("user-a", "", Errc::signed_out, kContractStart, ""));
  Sql watch = place_.sql();
  until_one_waits(watch);
  other.run("COMMIT");
  auto ended = wait_for(ending);
  ASSERT_TRUE(ended.has_value()) << ended.error().detail;
  EXPECT_EQ(ended->size(), 2U);
  EXPECT_EQ(standing("user-a"), "0");
}

TEST_F(PostgresStoreTest, ASignInByAnIdentityThatIsBeingUnlinkedMakesNoSessionOfIt) {
  sign_in(*one_, "wallet", "a");
  Sql other = place_.sql();
  other.run(
      "BEGIN; SELECT 1 FROM gatecast.users WHERE id = 'user-a' FOR UPDATE;"
      "DELETE FROM gatecast.identities WHERE subject = 'wallet'");
  auto late = start(one_->sign_in(make_sign_in("wallet", "b")));
  Sql watch = place_.sql();
  until_one_waits(watch);
  other.run("COMMIT");
  auto done = wait_for(late);
  ASSERT_TRUE(done.has_value()) << done.error().detail;
  EXPECT_EQ(done->user.id, "user-b") << "the wallet is nobody's now";
  EXPECT_EQ(standing("user-a"), "1");
}

TEST_F(PostgresStoreTest, TwoNodesThatMakeOneUserMakeItOnce) {
  auto two = place_.open(Options{});
  for (int round = 0; round < 10; ++round) {
    std::vector<Task<Result<SignedIn>>> tasks;
    for (int i = 0; i < 8; ++i) {
      const std::string tag = fmt::format("{}-{}", round, i);
      tasks.push_back((i % 2 == 0 ? *one_ : *two).sign_in(make_sign_in(fmt::format("wallet {}", round), tag)));
    }
    int created = 0;
    std::string owner;
    for (const auto& result : run(store::gather(std::move(tasks)))) {
      ASSERT_TRUE(result.has_value()) << result.error().detail;
      created += result->created ? 1 : 0;
      if (owner.empty()) owner = result->user.id;
      EXPECT_EQ(result->user.id, owner);
    }
    EXPECT_EQ(created, 1);
  }
}

TEST_F(PostgresStoreTest, OneNonceOnTwoNodesWorksOnce) {
  auto two = place_.open(Options{});
  std::vector<Task<Result<SignedIn>>> tasks;
  for (int i = 0; i < 30; ++i) {
    auto request = make_sign_in("wallet", std::to_string(i));
    request.nonce = "the one";
    request.reload_window = 1min;
    tasks.push_back((i % 2 == 0 ? *one_ : *two).sign_in(std::move(request)));
  }
  int made = 0;
  std::string sid;
  for (const auto& result : run(store::gather(std::move(tasks)))) {
    ASSERT_TRUE(result.has_value()) << result.error().detail;
    made += result->repeated ? 0 : 1;
    if (sid.empty()) sid = result->session.sid;
    EXPECT_EQ(result->session.sid, sid) << "a reload answers the same session";
  }
  EXPECT_EQ(made, 1);
  EXPECT_EQ(standing("user-0") + standing("user-1"), standing("user-0") + standing("user-1"));
  EXPECT_EQ(place_.sql().value("SELECT count(*) FROM gatecast.sessions"), "1");
}

TEST_F(PostgresStoreTest, ALimitHoldsAgainstSignInsAtOnceOnTwoNodes) {
  auto two = place_.open(Options{});
  sign_in(*one_, "wallet", "a");
  std::vector<Task<Result<SignedIn>>> tasks;
  for (int i = 0; i < 20; ++i) {
    auto request = make_sign_in("wallet", std::to_string(i));
    request.sessions_max = 3;
    tasks.push_back((i % 2 == 0 ? *one_ : *two).sign_in(std::move(request)));
  }
  for (const auto& result : run(store::gather(std::move(tasks)))) ASSERT_TRUE(result.has_value());
  EXPECT_EQ(standing("user-a"), "3");
  EXPECT_EQ(place_.sql().value("SELECT count(*) FROM gatecast.control_log"), "18");
}

TEST_F(PostgresStoreTest, ControlRowsAreNumberedInTheOrderOfTheirCommits) {
  const std::string sid = sign_in(*one_, "wallet", "a").session.sid;
  Sql other = place_.sql();
  other.run(
      "BEGIN; INSERT INTO gatecast.control_log (kind, subject, user_id, reason, at)"
      " VALUES ('session_ended', 'theirs', 'u', 'signed_out', 1)");
  auto ending = start(one_->end_session(sid, Errc::signed_out, kContractStart, ""));
  Sql watch = place_.sql();
  until_one_waits(watch);
  EXPECT_TRUE(run(one_->control_log(0, 10))->empty());
  other.run("COMMIT");
  ASSERT_TRUE(wait_for(ending).has_value());
  auto rows = run(one_->control_log(0, 10));
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[0].subject, "theirs");
  EXPECT_EQ((*rows)[1].subject, sid);
}

TEST_F(PostgresStoreTest, NoAuditRowComesBehindWhatWasRead) {
  Sql other = place_.sql();
  const std::string add =
      "INSERT INTO gatecast.audit (at, kind, user_id, sid, ip, code, detail, count)"
      " VALUES (1, 'refusal', 'u', '', '', '', '', 1)";
  other.run("BEGIN; " + add + "; " + add);
  ASSERT_TRUE(run(one_->audit({{.at = kContractStart, .kind = "signin", .user_id = "u"}})).has_value());
  // The later number is committed, the earlier ones may still come.
  EXPECT_TRUE(run(one_->audit_log({}))->empty());
  EXPECT_TRUE(run(one_->audit_log({.user_id = "u", .before = UINT64_MAX}))->empty());
  other.run("COMMIT");
  auto rows = run(one_->audit_log({}));
  ASSERT_EQ(rows->size(), 3U);
  EXPECT_EQ((*rows)[0].kind, "refusal");
  EXPECT_EQ((*rows)[2].kind, "signin");
  EXPECT_EQ(run(one_->audit_log({.user_id = "u", .before = UINT64_MAX}))->size(), 3U);
  // What was given up leaves a gap, and holds nothing back.
  other.run("BEGIN; " + add + "; ROLLBACK");
  ASSERT_TRUE(run(one_->audit({{.at = kContractStart, .kind = "signin"}})).has_value());
  EXPECT_EQ(run(one_->audit_log({}))->size(), 4U);
}

TEST_F(PostgresStoreTest, AConnectionThatIsCutCostsATransactionNothingBeforeItsCommit) {
  sign_in(*one_, "wallet", "a");
  Sql other = place_.sql();
  Sql watch = place_.sql();
  other.run("BEGIN; SELECT 1 FROM gatecast.users FOR UPDATE");
  auto again = start(one_->sign_in(make_sign_in("wallet", "b")));
  until_one_waits(watch);
  cut_those_waiting(watch);
  other.run("COMMIT");
  auto done = wait_for(again);
  EXPECT_TRUE(done.has_value()) << done.error().detail;
  EXPECT_GE(one_->stats().retries, 1U);
}

TEST_F(PostgresStoreTest, AConnectionThatIsCutWithItsCommitIsAFailureThatMayBeRepeated) {
  const std::string sid = sign_in(*one_, "wallet", "a").session.sid;
  Sql other = place_.sql();
  Sql watch = place_.sql();
  const auto cut = [&](auto make) {
    other.run("BEGIN; SELECT 1 FROM gatecast.sessions FOR UPDATE; SELECT 1 FROM gatecast.users FOR UPDATE");
    auto started = start(make());
    until_one_waits(watch);
    cut_those_waiting(watch);
    other.run("COMMIT");
    const auto result = wait_for(started);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, Errc::store_failed) << result.error().detail;
    EXPECT_NE(result.error().detail.find("57P01"), std::string::npos) << result.error().detail;
    const auto repeated = run(make());
    EXPECT_TRUE(repeated.has_value()) << repeated.error().detail;
  };
  cut([&] { return one_->renew(renewal(sid, "a")); });
  cut([&] { return one_->touch({{sid, kContractStart + 1h}}); });
  cut([&] { return one_->keep({{sid, 2}}); });
  cut([&] { return one_->end_sessions("user-a", sid, Errc::signed_out, kContractStart, ""); });
  cut([&] { return one_->end_session(sid, Errc::signed_out, kContractStart, ""); });
  EXPECT_EQ(run(one_->session(sid))->session.gen, 2U);
  EXPECT_EQ(place_.sql().value("SELECT count(*) FROM gatecast.control_log"), "1");
}

TEST_F(PostgresStoreTest, AnIdleConnectionThatIsCutIsMadeAnew) {
  ASSERT_TRUE(run(one_->ping()));
  Sql watch = place_.sql();
  watch.run(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gatecast'"
      " AND datname = current_database()");
  EXPECT_TRUE(run(one_->ping()).has_value());
  EXPECT_TRUE(run(one_->consume("n", kContractStart)).has_value());
}

TEST_F(PostgresStoreTest, ALockedRowEndsWithTheDeadlineHereAndOnTheServer) {
  auto brief = place_.open(Options{.deadline = 300ms});
  const std::string sid = sign_in(*brief, "wallet", "a").session.sid;
  Sql other = place_.sql();
  other.run("BEGIN; SELECT 1 FROM gatecast.sessions FOR UPDATE");
  auto late = run(brief->end_session(sid, Errc::signed_out, kContractStart, ""));
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, Errc::store_failed);
  // The statement is over on the server too: nothing ends the session behind our back.
  Sql watch = place_.sql();
  while (watch.value("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0") {
  }
  other.run("COMMIT");
  EXPECT_FALSE(run(brief->session(sid))->session.ended_at.has_value());
  EXPECT_TRUE(run(brief->end_session(sid, Errc::signed_out, kContractStart, ""))->now);
}

TEST_F(PostgresStoreTest, WhoFindsNoFreeConnectionInTimeIsToldSo) {
  auto brief = place_.open(Options{.connections = 2, .deadline = 400ms});
  const std::string sid = sign_in(*brief, "wallet", "a").session.sid;
  Sql other = place_.sql();
  other.run("BEGIN; SELECT 1 FROM gatecast.sessions FOR UPDATE");
  std::vector<Task<Result<void>>> tasks;
  for (int i = 0; i < 5; ++i) tasks.push_back(brief->keep({{sid, 7}}));
  bool waited = false;
  for (const auto& result : run(store::gather(std::move(tasks)))) {
    ASSERT_FALSE(result.has_value());
    waited |= result.error().detail == "no connection free within the deadline";
  }
  EXPECT_TRUE(waited);
  other.run("COMMIT");
  EXPECT_TRUE(run(brief->keep({{sid, 7}})).has_value());
  EXPECT_EQ(brief->stats().waiting, 0U);
  EXPECT_LE(brief->stats().connections, 2U);
}

TEST_F(PostgresStoreTest, AFullQueueRefusesAtOnce) {
  auto narrow = place_.open(Options{.queue_ops = 3});
  const std::string sid = sign_in(*narrow, "wallet", "a").session.sid;
  Sql other = place_.sql();
  other.run("BEGIN; SELECT 1 FROM gatecast.sessions FOR UPDATE");
  std::vector<std::shared_ptr<std::optional<Result<void>>>> waiting;
  for (int i = 0; i < 3; ++i) waiting.push_back(start(narrow->keep({{sid, 7}})));
  EXPECT_EQ(run(narrow->ping()).error().code, Errc::overloaded);
  other.run("COMMIT");
  for (auto& one : waiting) EXPECT_TRUE(wait_for(one).has_value());
  EXPECT_EQ(narrow->stats().refused, 1U);
  EXPECT_TRUE(run(narrow->ping()).has_value());
}

TEST_F(PostgresStoreTest, ACommitWithoutItsStandbyIsNoAnswerAndMayBeRepeated) {
  auto brief = place_.open(Options{.deadline = 500ms});
  const std::string sid = sign_in(*brief, "wallet", "a").session.sid;
  Sql admin = place_.sql();
  admin.run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  admin.run("SELECT pg_reload_conf()");
  // Another process of the server takes note of it, in its own time.
  int probes = 0;
  const auto lands = [&] { return run(brief->consume(fmt::format("probe {}", ++probes), kContractStart)).has_value(); };
  while (lands()) {
  }
  auto request = make_sign_in("wallet", "b");
  request.reload_window = 1min;
  EXPECT_EQ(run(brief->sign_in(request)).error().code, Errc::store_failed);
  EXPECT_EQ(run(brief->renew(renewal(sid, "a"))).error().code, Errc::store_failed);
  // An operator who cancels the wait makes the server say COMMIT, with a warning.
  auto warned = start(brief->consume("another", kContractStart));
  Sql watch = place_.sql();
  while (!warned->has_value()) {
    watch.run(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        " AND datname = current_database()");
    loop_.turn();
  }
  EXPECT_EQ(wait_for(warned).error().code, Errc::store_failed);
  admin.run("ALTER SYSTEM RESET synchronous_standby_names");
  admin.run("SELECT pg_reload_conf()");
  while (!lands()) {
  }
  // They had landed all the same: the repetition finds what it made.
  auto again = run(brief->sign_in(request));
  ASSERT_TRUE(again.has_value()) << again.error().detail;
  EXPECT_TRUE(again->repeated);
  auto renewed = run(brief->renew(renewal(sid, "a")));
  ASSERT_TRUE(renewed.has_value()) << renewed.error().detail;
  EXPECT_EQ(renewed->decision.kind, RotationDecision::Kind::repeat);
  EXPECT_EQ(renewed->decision.gen, 2U);
}

TEST_F(PostgresStoreTest, AServerThatRestartsIsFoundAgain) {
  auto brief = place_.open(Options{.deadline = 500ms});
  const std::string sid = sign_in(*brief, "wallet", "a").session.sid;
  TestServer::instance().stop();
  EXPECT_EQ(run(brief->ping()).error().code, Errc::store_failed);
  EXPECT_EQ(run(brief->renew(renewal(sid, "a"))).error().code, Errc::store_failed);
  // It has been away for a deadline: the next are told at once, or after one more attempt.
  EXPECT_EQ(run(brief->session(sid)).error().code, Errc::store_failed);
  TestServer::instance().start();
  Result<void> back = run(brief->ping());
  const auto patience = std::chrono::steady_clock::now() + 30s;
  while (!back && std::chrono::steady_clock::now() < patience) back = run(brief->ping());
  EXPECT_TRUE(back.has_value()) << back.error().detail;
  EXPECT_EQ(run(brief->renew(renewal(sid, "a")))->decision.gen, 2U);
}

TEST_F(PostgresStoreTest, AServerThatCrashesKeepsWhatWasAnswered) {
  const std::string sid = sign_in(*one_, "wallet", "a").session.sid;
  ASSERT_TRUE(run(one_->renew(renewal(sid, "a"))).has_value());
  const std::string before = *run(one_->history());
  TestServer::instance().stop(SIGQUIT);
  TestServer::instance().start();
  EXPECT_EQ(run(one_->session(sid))->session.gen, 2U);
  EXPECT_EQ(*run(one_->history()), before);
}

TEST_F(PostgresStoreTest, ASilentServerCostsOneDeadlineAndNotOneForEachConnection) {
  auto brief = place_.open(Options{.connections = 4, .deadline = 2s});
  const std::string sid = sign_in(*brief, "wallet", "a").session.sid;
  Sql watch = place_.sql();
  // Three that wait for a lock at once have a connection each.
  Sql other = place_.sql();
  other.run("BEGIN; SELECT 1 FROM gatecast.sessions FOR UPDATE");
  std::vector<std::shared_ptr<std::optional<Result<void>>>> waiting;
  for (int i = 0; i < 3; ++i) waiting.push_back(start(brief->keep({{sid, 7}})));
  while (brief->stats().connections < 3) loop_.turn();
  other.run("COMMIT");
  for (auto& one : waiting) EXPECT_TRUE(wait_for(one).has_value());
  std::vector<pid_t> stopped;
  for (const auto& pid : watch.column("SELECT pid FROM pg_stat_activity WHERE application_name = 'gatecast'"
                                      " AND datname = current_database()")) {
    stopped.push_back(std::stoi(pid));
    kill(stopped.back(), SIGSTOP);
  }
  ASSERT_GE(stopped.size(), 3U);
  Result<void> lost = run(brief->ping());
  Result<void> next = run(brief->ping());
  for (const pid_t pid : stopped) kill(pid, SIGCONT);
  EXPECT_EQ(lost.error().code, Errc::store_failed);
  EXPECT_TRUE(next.has_value()) << next.error().detail;
}

TEST_F(PostgresStoreTest, FewerConnectionsThanAskedForServeAll) {
  const std::string database = TestServer::instance().make_database(true);
  Sql admin(TestServer::instance().url(database));
  admin.run(fmt::format("CREATE ROLE {0}_few LOGIN CONNECTION LIMIT 2; CREATE SCHEMA gatecast AUTHORIZATION {0}_few",
                        database));
  auto store = PostgresStore::open(
      {.url = TestServer::instance().url(database, database + "_few"), .connections = 8, .deadline = 20s});
  ASSERT_TRUE(store.has_value()) << store.error().detail;
  std::vector<Task<Result<void>>> tasks;
  for (int i = 0; i < 60; ++i) tasks.push_back((*store)->consume(std::to_string(i), kContractStart));
  for (const auto& result : run(store::gather(std::move(tasks)))) {
    EXPECT_TRUE(result.has_value()) << result.error().detail;
  }
  EXPECT_LE((*store)->stats().connections, 2U);
}

TEST_F(PostgresStoreTest, StoppingAnswersWhatIsUnderWayAndRefusesTheRest) {
  const std::string sid = sign_in(*one_, "wallet", "a").session.sid;
  std::vector<std::shared_ptr<std::optional<Result<void>>>> under_way;
  for (int i = 0; i < 50; ++i) under_way.push_back(start(one_->consume(std::to_string(i), kContractStart)));
  one_->stop();
  for (auto& one : under_way) EXPECT_TRUE(wait_for(one).has_value());
  EXPECT_EQ(run(one_->ping()).error().code, Errc::cancelled);
  EXPECT_EQ(run(one_->session(sid)).error().code, Errc::cancelled);
  one_->stop();
}

TEST_F(PostgresStoreTest, AStandbyIsNoStore) {
  const std::string database = TestServer::instance().make_database(true);
  const ServiceUrl url = TestServer::instance().url(database);
  Sql(url).run(fmt::format("ALTER DATABASE {} SET default_transaction_read_only = on", database));
  auto opened = PostgresStore::open({.url = url, .deadline = 1s});
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().detail.find("read-only"), std::string::npos) << opened.error().detail;
}

TEST_F(PostgresStoreTest, OneHolderOfALeaseByTheStoresClock) {
  auto two = place_.open(Options{});
  EXPECT_TRUE(*run(one_->lease("sweep", "one", 10s)));
  EXPECT_FALSE(*run(two->lease("sweep", "two", 10s)));
  EXPECT_TRUE(*run(one_->lease("sweep", "one", 10s)));
  place_.clock().advance(10s);
  EXPECT_TRUE(*run(two->lease("sweep", "two", 10s)));
  EXPECT_FALSE(*run(one_->lease("sweep", "one", 10s)));
  EXPECT_TRUE(*run(two->lease("sweep", "two", 0s)));
  EXPECT_TRUE(*run(one_->lease("sweep", "one", 10s)));
}

TEST_F(PostgresStoreTest, AnotherHistoryAfterARestore) {
  const std::string before = *run(one_->history());
  EXPECT_FALSE(before.empty());
  EXPECT_EQ(*run(one_->history()), before);
  EXPECT_NE(*run(PostgresPlace().open(Options{})->history()), "");
  place_.sql().run("INSERT INTO gatecast.restores (at) VALUES (1800000000001)");
  EXPECT_NE(*run(one_->history()), before);
  EXPECT_EQ(*run(one_->restored_at()), from_unix_ms(1800000000001));
}

TEST_F(PostgresStoreTest, TheDatabasesClockCountsWhereNoneIsGiven) {
  auto store = PostgresStore::open({.url = place_.url()});
  ASSERT_TRUE(store.has_value()) << store.error().detail;
  ASSERT_TRUE(run((*store)->consume("n", kContractStart)).has_value());
  const std::string apart =
      "SELECT abs(used_at - extract(epoch FROM clock_timestamp()) * 1000) < 60000"
      " FROM gatecast.used_nonces";
  EXPECT_EQ(place_.sql().value(apart), "t");
}

TEST_F(PostgresStoreTest, BehindAPoolerNothingOutlivesATransaction) {
  auto target = ServiceUrl(fmt::format("{}&pgbouncer=true", place_.url().expose()));
  auto store = PostgresStore::open({.url = target, .connections = 1, .clock = &place_.clock()});
  ASSERT_TRUE(store.has_value()) << store.error().detail;
  const std::string sid = sign_in(**store, "wallet", "a").session.sid;
  EXPECT_EQ(run((*store)->renew(renewal(sid, "a")))->decision.gen, 2U);
  EXPECT_TRUE(run((*store)->end_session(sid, Errc::signed_out, kContractStart, ""))->now);
  ASSERT_TRUE(run((*store)->consume("n", kContractStart)).has_value());
  EXPECT_EQ(run((*store)->consume("n", kContractStart)).error().code, Errc::nonce_used);
}

TEST_F(PostgresStoreTest, ALongHistoryIsForgottenInParts) {
  sign_in(*one_, "wallet", "a");
  Sql sql = place_.sql();
  sql.run(
      "INSERT INTO gatecast.audit (at, kind, user_id, sid, ip, code, detail, count)"
      " SELECT n, 'signin', 'user-' || chr(97 + n % 2), '', '192.0.2.7', '', 'a detail', 1 FROM generate_series(1, "
      "24000) n");
  ASSERT_TRUE(run(one_->delete_user("user-a", kContractStart, "the operator")).has_value());
  const auto told = [&](const std::string& user) {
    return sql.value("SELECT count(*) FROM gatecast.audit WHERE ip <> '' AND user_id = '" + user + "'");
  };
  EXPECT_EQ(told("user-a"), "0");
  EXPECT_EQ(told("user-b"), "12000");
}

TEST_F(PostgresStoreTest, TextsKeepEveryByteOrAreRefused) {
  auto request = make_sign_in("wallet", "a");
  request.new_user.nickname = "'; DROP TABLE x; -- \\ \" {} \xF0\x9F\x90\x98 \n\t";
  ASSERT_TRUE(run(one_->sign_in(request)).has_value());
  EXPECT_EQ(run(one_->session("sid-a/user-a"))->user.nickname, request.new_user.nickname);
  auto bad = make_sign_in("other", "b");
  bad.new_user.nickname = std::string("a\0b", 3);
  auto refused = run(one_->sign_in(bad));
  ASSERT_FALSE(refused.has_value()) << "a text is never cut off at a zero byte";
  EXPECT_EQ(refused.error().detail.find(std::string_view("a\0b", 3)), std::string::npos);
  ASSERT_TRUE(run(one_->audit({{.at = kContractStart, .kind = "refusal", .detail = "{\"a\",NULL,\\}"}})));
  EXPECT_EQ(place_.audit_rows().back().detail, "{\"a\",NULL,\\}");
  EXPECT_EQ(run(one_->audit({{.at = kContractStart, .kind = std::string("a\0b", 3)}})).error().code,
            Errc::field_invalid);
}

}  // namespace
}  // namespace gatecast::postgres
