// The tables of the SQLite store, as an ordered list of migrations.
//
// Place: run once by SqliteStore::open on the writer's connection. A file's version is the number of migrations it has
// had. All that are missing run in one transaction: a start that fails in the middle leaves the file as it was.
// A migration that has been released is never edited: a change is a new one at the end.
#pragma once

#include <span>
#include <string>

#include "adapters/sqlite/database.hpp"

namespace gatecast::sqlite {

/// "gate" in the file's header: keeps us from writing tables into some other program's database.
inline constexpr std::int64_t kApplicationId = 0x67617465;

/// The SQL that leads from version n to n + 1, for n = 0, 1, …
std::span<const char* const> migrations();

/// Brings the file to the newest version. Errors: store_failed, also for a newer version than `steps` know and for a
/// database of another program.
Result<void> migrate(Database& db, const std::string& path, std::span<const char* const> steps = migrations());

}  // namespace gatecast::sqlite
