// A consistent copy of the store's file, made while the store runs.
//
// Place: called on the store's copying thread, with a connection of its own: readers and the writer go on, only the log
// grows meanwhile. What was deleted is not in the copy. Errors: store_failed with the path; store_conflict where a file
// has that name already. What fails leaves no file.
#pragma once

#include <string>

#include "adapters/sqlite/database.hpp"

namespace gatecast::sqlite {

/// Writes the copy beside `path` (0600), flushes it, and gives it its name: who sees the name sees a whole copy.
Result<void> backup(Database& db, const std::string& path);

}  // namespace gatecast::sqlite
