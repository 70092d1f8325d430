#include "adapters/sqlite/inspect.hpp"

#include <sys/stat.h>

#include "adapters/sqlite/database.hpp"
#include "adapters/sqlite/schema.hpp"

namespace gatecast::sqlite {
namespace {

constexpr std::chrono::milliseconds kBusy{1000};

/// The first column of the first row; nothing where there is none, or it is null.
template <class... A>
Result<std::optional<std::int64_t>> number(Database& db, std::string_view sql, const A&... values) {
  Query query = db.select(sql, values...);
  const auto row = query.next();
  if (!row) return row.error();
  if (!*row || query.is_null(0)) return std::optional<std::int64_t>();
  return std::optional(query.number(0));
}

Result<void> look_at_audit(Database& db, Inspection& seen) {
  const auto first = number(db, "SELECT min(at) FROM audit");
  if (!first) return first.error();
  if (*first) seen.first_audit = from_unix_ms(**first);
  const auto backup = number(db,
                             "SELECT max(at) FROM audit WHERE id > (SELECT coalesce(max(id), 0) FROM audit) - ?"
                             " AND kind = 'api_call' AND detail LIKE 'operator:% backup %'",
                             kAuditRows);
  if (!backup) return backup.error();
  if (*backup) seen.backup_at = from_unix_ms(**backup);
  return {};
}

/// Damage is an outcome, not an error.
void check_pages(Database& db, Inspection& seen) {
  seen.checked = true;
  Query query = db.select("PRAGMA quick_check(1)");
  const auto row = query.next();
  if (!row) {
    seen.damage = row.error().detail;
  } else if (*row && query.text(0) != "ok") {
    seen.damage = query.text(0);
  }
}

}  // namespace

Result<std::optional<Inspection>> inspect(const std::string& path, std::uint64_t check_bytes_max) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return std::optional<Inspection>();
  auto db = Database::open(path, {.busy_timeout = kBusy, .read_only = true});
  if (!db) return db.error();
  Inspection seen{.known = static_cast<std::int64_t>(migrations().size()),
                  .bytes = static_cast<std::uint64_t>(found.st_size)};
  // What has been committed and not yet moved into the file.
  if (::stat((path + "-wal").c_str(), &found) == 0) seen.bytes += static_cast<std::uint64_t>(found.st_size);
  const auto id = number(*db, "PRAGMA application_id");
  if (!id) return id.error();
  seen.ours = *id == kApplicationId;
  if (!seen.ours) return std::optional(std::move(seen));
  const auto version = number(*db, "SELECT version FROM schema_version");
  if (!version) return version.error();
  seen.version = version->value_or(0);
  if (seen.bytes <= check_bytes_max) check_pages(*db, seen);
  if (seen.damage.empty() && seen.version <= seen.known) {
    if (auto looked = look_at_audit(*db, seen); !looked) return looked.error();
  }
  return std::optional(std::move(seen));
}

}  // namespace gatecast::sqlite
