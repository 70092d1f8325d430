// Migrations of the schema: who runs them, what a newer schema means to an older program, which rights are needed.
#include <future>

#include "adapters/postgres/test_postgres.hpp"

namespace gatecast::postgres {
namespace {

using namespace std::chrono_literals;

class PostgresSchema : public ::testing::Test {
 protected:
  Result<SchemaState> bring_up(std::span<const Migration> steps = migrations(), const std::string& user = "postgres") {
    auto target = Target::make(TestServer::instance().url(database_, user), {});
    EXPECT_TRUE(target.has_value());
    return migrate(*target, 30s, steps);
  }
  Sql sql() { return Sql(TestServer::instance().url(database_)); }
  /// The migrations there are, and one more that this program does not know.
  static std::vector<Migration> newer(int oldest) {
    std::vector<Migration> steps(migrations().begin(), migrations().end());
    steps.push_back({"CREATE TABLE gatecast.invention (id bigint)", oldest});
    return steps;
  }
  static constexpr int kKnown = 1;
  std::string database_ = TestServer::instance().make_database(true);
};

TEST_F(PostgresSchema, AnEmptyDatabaseIsBroughtUpOnce) {
  ASSERT_EQ(static_cast<int>(migrations().size()), kKnown);
  auto state = bring_up();
  ASSERT_TRUE(state.has_value()) << state.error().detail;
  EXPECT_EQ(state->version, kKnown);
  const std::string origin = sql().value("SELECT origin FROM gatecast.schema_version");
  EXPECT_EQ(origin.size(), 16U);
  ASSERT_TRUE(bring_up().has_value());
  EXPECT_EQ(sql().value("SELECT origin FROM gatecast.schema_version"), origin);
}

TEST_F(PostgresSchema, NothingIsMadeOutsideOfItsSchema) {
  sql().run("CREATE TABLE public.users (id int); CREATE TABLE public.\"_prisma_migrations\" (id int)");
  ASSERT_TRUE(bring_up().has_value());
  EXPECT_EQ(sql().value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "2");
  EXPECT_EQ(sql().value("SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
                        " WHERE n.nspname = 'public'"),
            "0");
}

TEST_F(PostgresSchema, OneOfSeveralNodesMigrates) {
  std::vector<std::future<bool>> nodes;
  for (int i = 0; i < 6; ++i) {
    nodes.push_back(std::async(std::launch::async, [this] { return bring_up().has_value(); }));
  }
  for (auto& node : nodes) EXPECT_TRUE(node.get());
  EXPECT_EQ(sql().value("SELECT count(*) FROM gatecast.schema_version"), "1");
}

TEST_F(PostgresSchema, AProgramOneVersionBehindRunsAndMigratesNothing) {
  ASSERT_TRUE(bring_up(newer(kKnown)).has_value());
  auto state = bring_up();
  ASSERT_TRUE(state.has_value()) << state.error().detail;
  EXPECT_EQ(state->version, kKnown + 1);
  auto store = PostgresStore::open({.url = TestServer::instance().url(database_)});
  ASSERT_TRUE(store.has_value()) << store.error().detail;
}

TEST_F(PostgresSchema, AProgramThatANewerSchemaLeftBehindRefuses) {
  ASSERT_TRUE(bring_up(newer(kKnown + 1)).has_value());
  auto store = PostgresStore::open({.url = TestServer::instance().url(database_)});
  ASSERT_FALSE(store.has_value());
  EXPECT_EQ(store.error().code, Errc::store_newer);
  EXPECT_NE(store.error().detail.find("use a newer gatecast"), std::string::npos);
}

TEST_F(PostgresSchema, WhatIsOldestNeverGoesBack) {
  auto steps = newer(kKnown + 1);
  steps.push_back({"SELECT 1", 1});
  ASSERT_TRUE(bring_up(steps).has_value());
  EXPECT_EQ(bring_up().error().code, Errc::store_newer);
}

TEST_F(PostgresSchema, AMigrationThatFailsLeavesNothing) {
  auto steps = newer(kKnown);
  steps.back().sql = "CREATE TABLE gatecast.half (id bigint); SELECT nothing_of_the_kind()";
  auto failed = bring_up(steps);
  ASSERT_FALSE(failed.has_value());
  EXPECT_NE(failed.error().detail.find("migration 2: 42883"), std::string::npos) << failed.error().detail;
  EXPECT_EQ(sql().value("SELECT to_regclass('gatecast.half') IS NULL"), "t");
  EXPECT_EQ(sql().value("SELECT version FROM gatecast.schema_version"), std::to_string(kKnown));
  EXPECT_TRUE(bring_up(newer(kKnown)).has_value());
}

TEST_F(PostgresSchema, AMissingRightIsNamed) {
  const std::string role = database_ + "_poor";
  sql().run(fmt::format("CREATE ROLE {} LOGIN", role));
  auto refused = bring_up(migrations(), role);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::store_failed);
  EXPECT_NE(refused.error().detail.find("GRANT CREATE ON DATABASE " + database_ + " TO " + role), std::string::npos)
      << refused.error().detail;
  sql().run(fmt::format("CREATE SCHEMA gatecast AUTHORIZATION {}", role));
  auto made = bring_up(migrations(), role);
  EXPECT_TRUE(made.has_value()) << made.error().detail;

  const std::string other = database_ + "_other";
  sql().run(fmt::format("CREATE ROLE {} LOGIN", other));
  auto foreign = bring_up(migrations(), other);
  ASSERT_FALSE(foreign.has_value());
  EXPECT_NE(foreign.error().detail.find("the schema gatecast belongs to the role " + role), std::string::npos)
      << foreign.error().detail;
}

// Whoever made the schema, or one table in it, could hang a trigger on it that runs with our rights.
TEST_F(PostgresSchema, WhatAStrangerOwnsIsNotWrittenTo) {
  const std::string stranger = database_ + "_stranger", own = database_ + "_own";
  sql().run(
      fmt::format("CREATE ROLE {0} LOGIN; CREATE ROLE {1} LOGIN; CREATE SCHEMA gatecast AUTHORIZATION {0};"
                  "GRANT ALL ON SCHEMA gatecast TO {1}",
                  stranger, own));
  EXPECT_FALSE(bring_up(migrations(), own).has_value());
  sql().run("ALTER SCHEMA gatecast OWNER TO postgres");
  ASSERT_TRUE(bring_up(migrations(), own).has_value());
  sql().run("ALTER TABLE gatecast.schema_version OWNER TO " + stranger);
  auto refused = bring_up(migrations(), own);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().detail.find("gatecast.schema_version belongs to the role " + stranger), std::string::npos)
      << refused.error().detail;
  sql().run(fmt::format("GRANT {} TO {}", stranger, own));
  EXPECT_TRUE(bring_up(migrations(), own).has_value());
}

TEST_F(PostgresSchema, AServerThatIsNotThereIsNamedWithoutItsPassword) {
  auto store =
      PostgresStore::open({.url = ServiceUrl("postgresql://app:hunter2@/db?host=/nonexistent"), .deadline = 1s});
  ASSERT_FALSE(store.has_value());
  EXPECT_EQ(store.error().code, Errc::store_failed);
  EXPECT_NE(store.error().detail.find("/nonexistent"), std::string::npos) << store.error().detail;
  EXPECT_EQ(store.error().detail.find("hunter2"), std::string::npos) << store.error().detail;
}

}  // namespace
}  // namespace gatecast::postgres
