#include "adapters/postgres/inspect.hpp"

#include "adapters/postgres/blocking.hpp"
#include "adapters/postgres/schema.hpp"

namespace gatecast::postgres {
namespace {

Result<void> look_at_server(Blocking& db, Inspection& seen) {
  auto rows = db.query("server",
                       "SELECT current_setting('server_version'), current_setting('server_encoding'),"
                       " coalesce((SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_backend_pid()), false),"
                       " current_setting('max_connections'),"
                       " CASE WHEN current_setting('fsync') = 'off' THEN 'fsync is off'"
                       " WHEN current_setting('full_page_writes') = 'off' THEN 'full_page_writes is off' ELSE '' END,"
                       " current_setting('synchronous_standby_names') <> ''");
  if (!rows) return rows.error();
  const Row row = rows->front();
  seen.server = "PostgreSQL " + row.text(0);
  seen.encoding = row.text(1);
  seen.encrypted = row.flag(2);
  seen.connections_max = static_cast<int>(row.number(3));
  seen.commit = row.text(4);
  seen.wants_synchronous = row.flag(5);
  return {};
}

/// The database's clock against the middle of the question's way.
Result<void> look_at_clock(Blocking& db, Inspection& seen) {
  const auto before = SystemClock{}.wall();
  auto now = db.number("clock", "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint");
  if (!now) return now.error();
  const auto middle = before + (SystemClock{}.wall() - before) / 2;
  seen.ahead = std::chrono::duration_cast<std::chrono::milliseconds>(from_unix_ms(*now) - middle);
  return {};
}

/// Who may not see others' connections sees no standbys either.
Result<void> look_at_standbys(Blocking& db, Inspection& seen) {
  auto rows = db.query("standbys",
                       "SELECT count(*), count(*) FILTER (WHERE sync_state IN ('sync', 'quorum'))"
                       " FROM pg_catalog.pg_stat_replication WHERE state IS NOT NULL");
  if (!rows) return rows.error();
  seen.standbys = static_cast<int>(rows->front().number(0));
  seen.synchronous = static_cast<int>(rows->front().number(1));
  return {};
}

Result<void> look_at_schema(Blocking& db, Inspection& seen) {
  seen.known = static_cast<int>(migrations().size());
  auto rows = db.query("rights",
                       "SELECT quote_ident(current_user), quote_ident(current_database()),"
                       " has_database_privilege(current_database(), 'CREATE'),"
                       " (SELECT has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE')"
                       " FROM pg_catalog.pg_namespace WHERE nspname = 'gatecast')");
  if (!rows) return rows.error();
  const Row row = rows->front();
  if (row.is_null(3)) {
    if (!row.flag(2)) seen.lacking = fmt::format("CREATE SCHEMA gatecast AUTHORIZATION {}", row.text(0));
    return {};
  }
  if (!row.flag(3)) {
    seen.lacking = fmt::format("ALTER SCHEMA gatecast OWNER TO {}", row.text(0));
    return {};
  }
  auto state = schema_state(db.get());
  if (!state) return state.error();
  seen.version = state->version;
  seen.oldest = state->oldest;
  if (seen.version == 0 || seen.oldest > seen.known) return {};
  auto strange = db.text("tables",
                         "SELECT coalesce(min(c.relname), '') FROM pg_catalog.pg_class c"
                         " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'gatecast'"
                         " AND c.relkind = 'r' AND NOT (has_table_privilege(c.oid, 'SELECT')"
                         " AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')"
                         " AND has_table_privilege(c.oid, 'DELETE'))");
  if (!strange) return strange.error();
  if (!strange->empty()) {
    seen.lacking = fmt::format("GRANT ALL ON ALL TABLES IN SCHEMA gatecast TO {}", row.text(0));
    return {};
  }
  auto restored = db.query("restores", "SELECT max(at) FROM gatecast.restores");
  if (!restored) return restored.error();
  if (!restored->front().is_null(0)) seen.restored_at = restored->front().time(0);
  return {};
}

}  // namespace

Result<Inspection> inspect(const Target& target, std::chrono::milliseconds deadline) {
  auto db = Blocking::open(target, deadline);
  if (!db) return db.error();
  // For this transaction alone: behind a pooler the connection is another's afterwards.
  auto bounded = db->query("settings", fmt::format("BEGIN READ ONLY; SET LOCAL statement_timeout = {};"
                                                   "SET LOCAL search_path = pg_catalog, pg_temp",
                                                   deadline.count()));
  if (!bounded) return bounded.error();
  Inspection seen;
  for (auto* look : {look_at_server, look_at_clock, look_at_standbys, look_at_schema}) {
    if (auto looked = look(*db, seen); !looked) return looked.error();
  }
  static_cast<void>(db->query("settings", "COMMIT"));
  return seen;
}

}  // namespace gatecast::postgres
