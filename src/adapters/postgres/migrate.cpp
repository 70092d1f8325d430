#include <libpq-fe.h>

#include "adapters/postgres/schema.hpp"

namespace gatecast::postgres {
namespace {

// "gate": whoever else takes advisory locks in this database is unlikely to take this one.
constexpr const char* kLock = "SELECT pg_catalog.pg_advisory_xact_lock(1734440037)";

struct ResultClear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using PgResult = std::unique_ptr<PGresult, ResultClear>;

Error error_of(PGconn* conn, const PGresult* result, std::string_view what) {
  const char* state = result != nullptr ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
  return fail(Errc::store_failed,
              fmt::format("{}: {} {}", what, state != nullptr ? state : "", one_line(PQerrorMessage(conn))));
}

Result<PgResult> run(PGconn* conn, std::string_view what, const char* sql) {
  PgResult result(PQexec(conn, sql));
  const auto status = PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return result;
  return error_of(conn, result.get(), what);
}

std::string value(const PgResult& result) { return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : ""; }

bool is_true(const PgResult& result) { return value(result) == "t"; }

/// Whoever owns a schema or a table may hang triggers on it that run with the rights of who writes there. So both must
/// belong to this role, to one that it is a member of, or to who rules the database anyway.
Result<void> trust(PGconn* conn) {
  auto stranger =
      run(conn, "owner",
          "SELECT format('%s belongs to the role %s', o.what, r.rolname) FROM ("
          "SELECT 'the schema gatecast' AS what, nspowner AS owner FROM pg_namespace WHERE nspname = 'gatecast'"
          " UNION ALL SELECT 'gatecast.' || relname, relowner FROM pg_class"
          " WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'gatecast')) o"
          " JOIN pg_roles r ON r.oid = o.owner WHERE NOT pg_has_role(o.owner, 'MEMBER') AND NOT r.rolsuper"
          " AND r.oid <> (SELECT datdba FROM pg_database WHERE datname = current_database()) LIMIT 1");
  if (!stranger) return stranger.error();
  if (PQntuples(stranger->get()) == 0) return {};
  return fail(Errc::store_failed, fmt::format("{}, whom {} has no reason to trust: ALTER … OWNER TO {}",
                                              value(*stranger), PQuser(conn), PQuser(conn)));
}

/// Makes the schema, or says which right is missing to make it or to work in it.
Result<void> claim(PGconn* conn) {
  auto mine = run(conn, "schema",
                  "SELECT has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE') FROM pg_namespace"
                  " WHERE nspname = 'gatecast'");
  if (!mine) return mine.error();
  if (PQntuples(mine->get()) > 0) {
    if (is_true(*mine)) return {};
    return fail(Errc::store_failed, fmt::format("the role {} may not create tables in the schema gatecast:"
                                                " ALTER SCHEMA gatecast OWNER TO {}",
                                                PQuser(conn), PQuser(conn)));
  }
  auto may = run(conn, "schema", "SELECT has_database_privilege(current_database(), 'CREATE')");
  if (!may) return may.error();
  if (!is_true(*may)) {
    return fail(Errc::store_failed,
                fmt::format("the role {0} may not create a schema: GRANT CREATE ON DATABASE {1} TO {0}, or"
                            " CREATE SCHEMA gatecast AUTHORIZATION {0}",
                            PQuser(conn), PQdb(conn)));
  }
  auto made = run(conn, "schema", "CREATE SCHEMA gatecast");
  if (!made) return made.error();
  return {};
}

/// The origin is a history's name: copies of one database share it, other databases have another.
Result<void> make_version(PGconn* conn) {
  if (auto claimed = claim(conn); !claimed) return claimed;
  auto made =
      run(conn, "schema_version",
          "CREATE TABLE gatecast.schema_version (id integer PRIMARY KEY CHECK (id = 1), version bigint NOT NULL,"
          " oldest bigint NOT NULL, origin text NOT NULL);"
          "INSERT INTO gatecast.schema_version VALUES (1, 0, 0,"
          " substr(md5(random()::text || clock_timestamp()::text || pg_backend_pid()::text), 1, 16))");
  if (!made) return made.error();
  return {};
}

/// One step, or none where all is done; gives the state then.
Result<SchemaState> step(PGconn* conn, std::span<const Migration> steps) {
  if (auto locked = run(conn, "lock", kLock); !locked) return locked.error();
  if (auto trusted = trust(conn); !trusted) return trusted.error();
  Result<SchemaState> state = schema_state(conn);
  if (!state) return state;
  const int known = static_cast<int>(steps.size());
  if (state->oldest > known) {
    return fail(
        Errc::store_newer,
        fmt::format("the schema gatecast has version {}, which works with programs that know {} or more; this one"
                    " knows {}: use a newer gatecast",
                    state->version, state->oldest, known));
  }
  if (state->version >= known) return state;
  if (state->version == 0) {
    auto there = run(conn, "schema_version", "SELECT to_regclass('gatecast.schema_version') IS NOT NULL");
    if (!there) return there.error();
    if (!is_true(*there)) {
      if (auto made = make_version(conn); !made) return made.error();
    }
  }
  const Migration& migration = steps[static_cast<std::size_t>(state->version)];
  const std::string what = fmt::format("migration {}", state->version + 1);
  if (auto done = run(conn, what, migration.sql); !done) return done.error();
  const SchemaState after{.version = state->version + 1, .oldest = std::max(state->oldest, migration.oldest)};
  auto noted = run(
      conn, what,
      fmt::format("UPDATE gatecast.schema_version SET version = {}, oldest = {}", after.version, after.oldest).c_str());
  if (!noted) return noted.error();
  return after;
}

/// A step in a transaction of its own.
Result<SchemaState> step_alone(PGconn* conn, std::span<const Migration> steps) {
  auto begun = run(conn, "begin",
                   "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL search_path = pg_catalog, pg_temp");
  if (!begun) return begun.error();
  Result<SchemaState> state = step(conn, steps);
  auto ended = run(conn, "commit", state ? "COMMIT" : "ROLLBACK");
  if (state && !ended) return ended.error();
  return state;
}

}  // namespace

Result<SchemaState> schema_state(pg_conn* conn) {
  const auto not_ours = [conn](const Error& why) {
    return fail(Errc::store_failed,
                fmt::format("the role {} may not read the schema gatecast: it must belong to it ({})", PQuser(conn),
                            why.detail));
  };
  auto there = run(conn, "schema_version", "SELECT to_regclass('gatecast.schema_version') IS NOT NULL");
  if (!there) return not_ours(there.error());
  if (!is_true(*there)) return SchemaState{};
  auto row = run(conn, "schema_version", "SELECT version, oldest FROM gatecast.schema_version");
  if (!row) return not_ours(row.error());
  if (PQntuples(row->get()) != 1) return fail(Errc::store_failed, "gatecast.schema_version has lost its row");
  return SchemaState{.version = std::atoi(PQgetvalue(row->get(), 0, 0)),
                     .oldest = std::atoi(PQgetvalue(row->get(), 0, 1))};
}

Result<SchemaState> migrate(const Target& target, std::chrono::milliseconds deadline,
                            std::span<const Migration> steps) {
  Result<PgConn> conn = connect_blocking(target, deadline);
  if (!conn) return conn.error();
  for (;;) {
    Result<SchemaState> state = step_alone(conn->get(), steps);
    if (!state) return fail(state.error().code, fmt::format("{}: {}", target.shown(), state.error().detail));
    if (state->version >= static_cast<int>(steps.size())) return state;
  }
}

}  // namespace gatecast::postgres
