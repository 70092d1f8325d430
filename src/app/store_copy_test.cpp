// `gatecast store copy`: sessions made on SQLite go on in PostgreSQL.
#include "adapters/postgres/store_copy.hpp"

#include <fstream>
#include <map>
#include <sstream>

#include "adapters/postgres/test_postgres.hpp"
#include "adapters/sqlite/sqlite_place.hpp"
#include "app/actions.hpp"
#include "app/commands.hpp"
#include "app/sqlite_source.hpp"
#include "core/lock_file.hpp"

namespace gatecast::app {
namespace {

using namespace std::chrono_literals;
using postgres::CopiedAs;
using postgres::CopiedRow;
using postgres::Sql;
using postgres::TestServer;
using store::kContractStart;
using store::make_sign_in;

store::Renewal renewal(const std::string& sid, const std::string& tag, std::uint64_t gen) {
  const store::RotationDecision decision{.kind = store::RotationDecision::Kind::rotate,
                                         .gen = gen,
                                         .kept_gen = gen - 1,
                                         .expires_at = kContractStart + std::chrono::days(40)};
  return {.sid = sid,
          .secret_hash = "secret of " + tag,
          .ip = "192.0.2.5",
          .decide = [decision](const store::RotationRow&, WallTime) { return decision; }};
}

class StoreCopy : public ::testing::Test {
 protected:
  StoreCopy() {
    auto opened = sqlite::SqliteStore::open(file(), {.clock = &clock_});
    EXPECT_TRUE(opened.has_value()) << opened.error().detail;
    source_ = std::move(*opened);
  }

  template <class T>
  T run(Task<T> task) {
    return loop_.run(std::move(task));
  }
  std::string file() const { return folder_.database(); }
  std::string data_dir() const { return file().substr(0, file().rfind('/')); }
  ServiceUrl url() const { return TestServer::instance().url(database_); }
  Sql sql() const { return Sql(url()); }

  struct Outcome {
    int code;
    std::string out, err;
  };
  Outcome command(std::vector<std::string> words) {
    std::ostringstream out, err;
    words.insert(words.end(), {"--set", "data.dir=" + data_dir()});
    const int code = run_command(words, {.out = out, .err = err});
    return {code, out.str(), err.str()};
  }
  Outcome copy(std::vector<std::string> more = {}) {
    source_.reset();
    std::vector<std::string> words{"store", "copy", "--from", "sqlite:" + file(), "--to", std::string(url().expose())};
    words.insert(words.end(), more.begin(), more.end());
    return command(words);
  }
  std::unique_ptr<postgres::PostgresStore> target() {
    auto opened = postgres::PostgresStore::open({.url = url(), .connections = 4, .deadline = 30s, .clock = &clock_});
    EXPECT_TRUE(opened.has_value()) << opened.error().detail;
    return std::move(*opened);
  }

  void fill();
  void compare();

  sqlite::TestFolder folder_;
  ManualClock clock_;
  ManualLoop loop_{clock_};
  std::unique_ptr<store::Store> source_;
  std::string database_ = TestServer::instance().make_database(true);
  std::map<std::string, store::SignedIn> signed_in_;
};

/// Every kind of row, with texts that a copy might get wrong.
void StoreCopy::fill() {
  for (const std::string tag : {"a", "b", "c", "d", "e"}) {
    auto request = make_sign_in("wallet " + tag, tag);
    request.new_user.nickname = "tab\there, line\nthere, \\N and \\ \r \xF0\x9F\x90\x9D " + tag;
    request.profile = R"({"name":"\u0000 as text"})";
    if (tag == "b") request.ref_code = "ref-a";
    auto done = run(source_->sign_in(std::move(request)));
    ASSERT_TRUE(done.has_value()) << done.error().detail;
    signed_in_[tag] = *done;
  }
  ASSERT_TRUE(run(source_->renew(renewal(signed_in_["a"].session.sid, "a", 2))).has_value());
  ASSERT_TRUE(run(source_->end_session(signed_in_["c"].session.sid, Errc::signed_out, kContractStart, "")).has_value());
  ASSERT_TRUE(run(source_->block_user("user-d", true, kContractStart, "", "me")).has_value());
  ASSERT_TRUE(run(source_->delete_user("user-e", kContractStart, "me")).has_value());
  ASSERT_TRUE(run(source_->end_foreign("app:1", "app:u", Errc::signed_out, kContractStart)).has_value());
  store::Link link{.nonce = "link nonce", .nonce_expires = kContractStart + 1h};
  link.identity = {.id = "second", .user_id = "user-a", .kind = "telegram", .subject = "42"};
  link.identity.created_at = kContractStart;
  ASSERT_TRUE(run(source_->link(link)).has_value());
  ASSERT_TRUE(run(source_->consume("ticket", kContractStart + 1h)).has_value());
  ASSERT_TRUE(run(source_->set_position("webhook:shop", 3)).has_value());
  for (int i = 0; i < 3; ++i) {
    store::GrantAdd grant{.id = fmt::format("g{}", i), .user_id = "user-a", .resource = fmt::format("post:{}", i)};
    grant.most = 10;
    if (i == 1) grant.from = kContractStart + 1h;
    if (i == 2) grant.until = kContractStart - 1h;
    ASSERT_TRUE(run(source_->add_grant(grant)).has_value());
  }
  store::Notify notice{.recipients = {{.user_id = "user-a"}, {.user_id = "app:u", .foreign = true}}, .kind = "like"};
  notice.data = "{\"text\":\"a\\tb\"}";
  notice.at = kContractStart;
  notice.held_max = 10;
  for (const char* key : {"k1", "k2", ""}) {
    notice.key = key;
    ASSERT_TRUE(run(source_->notify(notice)).has_value());
  }
  const auto page = run(source_->notifications({.user_id = "user-a"}));
  ASSERT_TRUE(run(source_->read_notifications("user-a", {.ids = {page->rows[0].id}}, kContractStart)).has_value());
  ASSERT_TRUE(run(source_->remove_notifications("user-a", {.ids = {page->rows[1].id}})).has_value());
}

/// Every row of every table, as it is in both.
void StoreCopy::compare() {
  auto source = SqliteSource::open(file(), false);
  ASSERT_TRUE(source.has_value()) << source.error().detail;
  auto there = sql();
  for (const auto& table : postgres::copied_tables()) {
    std::multiset<CopiedRow> expected, found;
    ASSERT_TRUE(source
                    ->read(table,
                           [&expected](const CopiedRow& row) -> Result<void> {
                             expected.insert(row);
                             return {};
                           })
                    .has_value());
    std::string columns;
    for (const auto& column : table.columns) {
      if (!columns.empty()) columns += ", ";
      columns += column.as == CopiedAs::hex    ? fmt::format("upper(encode({}, 'hex'))", column.name)
                 : column.as == CopiedAs::flag ? fmt::format("{}::int", column.name)
                                               : std::string(column.name);
    }
    there.each(fmt::format("SELECT {} FROM gatecast.{}", columns, table.name), [&](const PGresult* rows, int row) {
      CopiedRow values;
      for (int i = 0; i < PQnfields(rows); ++i) {
        values.push_back(PQgetisnull(rows, row, i) != 0 ? std::nullopt
                                                        : std::optional<std::string>(PQgetvalue(rows, row, i)));
      }
      found.insert(std::move(values));
    });
    EXPECT_EQ(found, expected) << table.name;
    EXPECT_TRUE(!expected.empty() || std::string_view(table.name) == "restores") << table.name << " is not tried";
  }
}

TEST_F(StoreCopy, EveryRowArrivesAndSessionsGoOn) {
  fill();
  const Outcome done = copy();
  ASSERT_EQ(done.code, kFine) << done.err;
  EXPECT_NE(done.out.find("sessions"), std::string::npos) << done.out;
  compare();

  auto store = target();
  clock_.advance(1min);
  auto renewed = run(store->renew(renewal(signed_in_["a"].session.sid, "a", 3)));
  ASSERT_TRUE(renewed.has_value()) << renewed.error().detail;
  EXPECT_EQ(renewed->view.session.gen, 3U);
  EXPECT_EQ(run(store->session(signed_in_["c"].session.sid))->session.end_reason, Errc::signed_out);
  EXPECT_EQ(run(store->sign_in(make_sign_in("wallet a", "a"))).error().code, Errc::nonce_used);
  EXPECT_EQ(run(store->consume("ticket", kContractStart + 1h)).error().code, Errc::nonce_used);
  EXPECT_EQ(run(store->sign_in(make_sign_in("wallet d", "d2"))).error().code, Errc::user_blocked);
  EXPECT_EQ(run(store->position("webhook:shop")), 3U);
  const auto before = sql().value("SELECT max(seq) FROM gatecast.audit");
  auto again = make_sign_in("wallet b", "b2");
  auto signed_in = run(store->sign_in(again));
  ASSERT_TRUE(signed_in.has_value()) << signed_in.error().detail;
  EXPECT_FALSE(signed_in->created);
  EXPECT_EQ(signed_in->user.id, "user-b");
  EXPECT_EQ(signed_in->user.referrer, "user-a");
  const auto events = run(store->audit_log({.after = std::stoull(before)}));
  ASSERT_TRUE(events.has_value() && !events->empty());
  EXPECT_EQ(events->back().kind, "signin");
  const auto endings = run(store->control_log(0, 100));
  const auto ended = run(store->end_session(signed_in->session.sid, Errc::signed_out, clock_.wall(), ""));
  ASSERT_TRUE(endings.has_value() && ended.has_value());
  EXPECT_GT(ended->control_seq, endings->back().seq);
  const auto notified = run(store->notify({.recipients = {{.user_id = "user-a"}},
                                           .kind = "like",
                                           .data = "{}",
                                           .key = "k1",
                                           .at = clock_.wall(),
                                           .held_max = 10}));
  EXPECT_EQ(notified->front().outcome, store::Notified::Outcome::repeated);
  clock_.advance(2h);
  const auto swept = run(store->sweep_grants(10, {}));
  EXPECT_EQ(swept->moved, 1U);
  EXPECT_EQ(run(store->grants_of({"user-a"}))->front().grants.size(), 2U);
}

TEST_F(StoreCopy, NumbersGoOnBeyondThoseThatWerePruned) {
  fill();
  const auto last = run(source_->control_log(0, 100))->back().seq;
  ASSERT_TRUE(run(source_->prune(kContractStart + 48h, kContractStart, kContractStart + 48h)).has_value());
  ASSERT_TRUE(run(source_->control_log(0, 100))->empty());
  ASSERT_EQ(copy().code, kFine);
  auto store = target();
  ASSERT_TRUE(run(store->end_foreign("app:2", "app:u", Errc::signed_out, kContractStart)).has_value());
  EXPECT_GT(run(store->control_log(0, 100))->back().seq, last);
}

TEST_F(StoreCopy, ADryRunWritesNothing) {
  fill();
  const Outcome dry = copy({"--dry-run"});
  EXPECT_EQ(dry.code, kFine) << dry.err;
  EXPECT_NE(dry.out.find("nothing was written"), std::string::npos);
  EXPECT_EQ(sql().value("SELECT count(*) FROM pg_namespace WHERE nspname = 'gatecast'"), "0");
}

TEST_F(StoreCopy, ATargetWithRowsIsRefusedAndLeftAsItIs) {
  fill();
  ASSERT_EQ(copy().code, kFine);
  const Outcome twice = copy();
  EXPECT_EQ(twice.code, kFailed);
  EXPECT_NE(twice.err.find("not empty"), std::string::npos) << twice.err;
  EXPECT_NE(twice.err.find("4 users"), std::string::npos) << twice.err;
  EXPECT_EQ(copy({"--dry-run"}).code, kFailed);
  compare();
}

/// A source that ends in the middle of its third table.
class Breaking final : public postgres::CopySource {
 public:
  explicit Breaking(postgres::CopySource& source) : source_(source) {}
  Result<std::uint64_t> count(const postgres::CopiedTable& table) override { return source_.count(table); }
  Result<void> read(const postgres::CopiedTable& table,
                    const std::function<Result<void>(const CopiedRow&)>& take) override {
    const bool breaks = ++tables_ == 3;
    return source_.read(table, [&, rows = 0](const CopiedRow& row) mutable -> Result<void> {
      if (breaks && ++rows == 2) return fail(Errc::store_failed, "the disk is gone");
      return take(row);
    });
  }
  Result<std::uint64_t> control_seq() override { return source_.control_seq(); }

 private:
  postgres::CopySource& source_;
  int tables_ = 0;
};

TEST_F(StoreCopy, AnInterruptedCopyLeavesTheTargetEmptyAndIsDoneAgain) {
  fill();
  source_.reset();
  {
    auto source = SqliteSource::open(file(), false);
    ASSERT_TRUE(source.has_value());
    Breaking breaking(*source);
    auto place = postgres::Target::make(url(), {});
    const auto broken = postgres::copy_store(breaking, *place, {});
    ASSERT_FALSE(broken.has_value());
    EXPECT_NE(broken.error().detail.find("the disk is gone"), std::string::npos) << broken.error().detail;
  }
  EXPECT_EQ(sql().value("SELECT count(*) FROM gatecast.users"), "0");
  EXPECT_EQ(copy().code, kFine);
  compare();
}

TEST_F(StoreCopy, ServersAreNotInTheWay) {
  fill();
  source_.reset();
  {
    auto lock = LockFile::take(data_dir() + "/lock");
    ASSERT_TRUE(lock.has_value());
    const Outcome locked = copy();
    EXPECT_EQ(locked.code, kFailed);
    EXPECT_NE(locked.err.find(std::string(info(Errc::data_locked).message)), std::string::npos) << locked.err;
  }
  {
    auto running = target();
    ASSERT_TRUE(run(running->ping()).has_value());
    const Outcome used = copy();
    EXPECT_EQ(used.code, kFailed);
    EXPECT_NE(used.err.find(std::string(info(Errc::store_in_use).message)), std::string::npos) << used.err;
  }
  EXPECT_EQ(copy().code, kFine);
}

TEST_F(StoreCopy, TextsThatPostgresDoesNotTakeAreMendedAndCounted) {
  std::uint64_t mended = 0;
  EXPECT_EQ(postgres::clean_text("plain \xC3\xA9 \xF0\x9F\x90\x9D", mended), "plain \xC3\xA9 \xF0\x9F\x90\x9D");
  EXPECT_EQ(mended, 0U);
  EXPECT_EQ(postgres::clean_text(std::string_view("a\0b", 3), mended), "ab");
  EXPECT_EQ(postgres::clean_text("\xC3", mended), "\xEF\xBF\xBD");
  EXPECT_EQ(postgres::clean_text("\xED\xA0\x80", mended), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(postgres::clean_text("\xC0\x80\xF5", mended), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(mended, 4U);
  auto request = make_sign_in("wallet", "z");
  request.session.user_agent = std::string("cut \xC3", 5) + std::string(1, '\0');
  ASSERT_TRUE(run(source_->sign_in(std::move(request))).has_value());
  const Outcome done = copy();
  ASSERT_EQ(done.code, kFine) << done.err;
  EXPECT_NE(done.err.find("1 texts"), std::string::npos) << done.err;
  EXPECT_EQ(sql().value("SELECT user_agent FROM gatecast.sessions"), "cut \xEF\xBF\xBD");
}

TEST_F(StoreCopy, ARestoredStoreIsMarked) {
  fill();
  ASSERT_EQ(copy().code, kFine);
  const auto seq = std::stoull(sql().value("SELECT max(seq) FROM gatecast.audit"));
  const std::string to = "store.url=" + std::string(url().expose());
  {
    auto running = target();
    ASSERT_TRUE(run(running->ping()).has_value());
    EXPECT_FALSE(run(running->restored_at())->has_value());
    EXPECT_EQ(command({"store", "restored", "--set", to}).code, kFailed);
  }
  const Outcome marked = command({"store", "restored", "--set", to});
  ASSERT_EQ(marked.code, kFine) << marked.err;
  auto store = target();
  EXPECT_TRUE(run(store->restored_at())->has_value());
  const auto events = run(store->audit_log({.after = seq}));
  ASSERT_EQ(events->size(), 1U);
  EXPECT_EQ(events->front().kind, "store_restored");
  EXPECT_GT(events->front().seq, seq + 1'000'000);
  EXPECT_GT(run(store->grants_of({"user-a"}))->front().version, 1'000'000U);
  EXPECT_GT(run(store->notifications({.user_id = "user-a"}))->version, 1'000'000U);
}

TEST_F(StoreCopy, CommandsForSqliteSayWhatPostgresHas) {
  const std::string to = "store.url=" + std::string(url().expose());
  const Outcome restore = command({"restore", "backup.db", "--set", to});
  EXPECT_EQ(restore.code, kFailed);
  EXPECT_NE(restore.err.find("pg_restore"), std::string::npos) << restore.err;
  EXPECT_EQ(command({"store", "restored"}).code, kUsage);
  EXPECT_EQ(command({"store", "copy", "--from", "sqlite:x.db"}).code, kUsage);
  const Outcome migrated = command({"migrate", "--set", to});
  EXPECT_EQ(migrated.code, kFine) << migrated.err;
  EXPECT_NE(migrated.out.find("schema version"), std::string::npos);
}

}  // namespace
}  // namespace gatecast::app
