#include "app/sqlite_source.hpp"

#include "adapters/sqlite/inspect.hpp"
#include "adapters/sqlite/schema.hpp"

namespace gatecast::app {

using postgres::CopiedAs;

Result<SqliteSource> SqliteSource::open(const std::string& path, bool bring_up) {
  const auto seen = sqlite::inspect(path, 0);
  if (!seen) return seen.error();
  if (!*seen) return fail(Errc::store_failed, path + " is not there");
  if (!(*seen)->ours) return fail(Errc::store_failed, path + " is a database of another program");
  if ((*seen)->version > (*seen)->known) return fail(Errc::store_newer, path);
  if ((*seen)->version < (*seen)->known && !bring_up) {
    return fail(Errc::store_failed, fmt::format("{} has schema version {}, and a copy brings it to {} first", path,
                                                (*seen)->version, (*seen)->known));
  }
  auto db = sqlite::Database::open(path, {});
  if (!db) return db.error();
  if (auto migrated = sqlite::migrate(*db, path); !migrated) return migrated.error();
  // Whatever is read from now on is of one moment.
  if (auto begun = db->exec("BEGIN"); !begun) return begun.error();
  return SqliteSource(std::move(*db));
}

Result<std::uint64_t> SqliteSource::number(const std::string& sql) {
  sqlite::Query query = db_.select(sql);
  const auto row = query.next();
  if (!row) return row.error();
  return *row ? query.count(0) : 0;
}

Result<std::uint64_t> SqliteSource::count(const postgres::CopiedTable& table) {
  return number(fmt::format("SELECT count(*) FROM {}", table.name));
}

Result<std::uint64_t> SqliteSource::control_seq() {
  return number("SELECT seq FROM sqlite_sequence WHERE name = 'control_log'");
}

Result<void> SqliteSource::read(const postgres::CopiedTable& table,
                                const std::function<Result<void>(const postgres::CopiedRow&)>& take) {
  std::string columns;
  for (const auto& column : table.columns) {
    const char* name = column.source != nullptr ? column.source : column.name;
    if (!columns.empty()) columns += ", ";
    // hex() of null is an empty text.
    columns += column.as == CopiedAs::hex ? fmt::format("iif({0} IS NULL, NULL, hex({0}))", name) : std::string(name);
  }
  sqlite::Query query = db_.select(fmt::format("SELECT {} FROM {}", columns, table.name));
  postgres::CopiedRow values(table.columns.size());
  for (;;) {
    const auto row = query.next();
    if (!row) return row.error();
    if (!*row) return {};
    for (std::size_t i = 0; i < values.size(); ++i) {
      const int column = static_cast<int>(i);
      const bool whole = table.columns[i].as == CopiedAs::number || table.columns[i].as == CopiedAs::flag;
      if (query.is_null(column)) {
        values[i].reset();
      } else {
        values[i] = whole ? std::to_string(query.number(column)) : query.text(column);
      }
    }
    if (auto taken = take(values); !taken) return taken;
  }
}

}  // namespace gatecast::app
