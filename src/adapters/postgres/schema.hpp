// The tables in the schema `gatecast`, as an ordered list of migrations.
//
// Place: run by PostgresStore::open and by `gatecast migrate`, on a connection of their own. Each migration is one
// transaction under an advisory lock: of several nodes that start at once one does it. A migration that has been
// released is never edited: a change is a new one at the end.
// Two neighbouring versions run side by side: a migration says which is the oldest version that still works with it
// (first it is added to, and what is no longer used is removed a version later). A program older than that refuses
// with store_newer; one that is merely behind runs and migrates nothing.
// Rights: CREATE on the database, or a schema `gatecast` that belongs to the role. Errors name the one that is missing.
#pragma once

#include <span>
#include <string>

#include "adapters/postgres/connector.hpp"

namespace gatecast::postgres {

struct Migration {
  const char* sql;  // several statements
  int oldest;       // version of the oldest program that works with the result
};

/// What leads from version n to n + 1, for n = 0, 1, …
std::span<const Migration> migrations();

struct SchemaState {
  int version = 0;  // 0: there is none
  int oldest = 0;
};

/// Brings the schema to the newest version that `steps` know. Blocks: start-up and commands. Errors: store_newer,
/// store_failed. Gives the state afterwards.
Result<SchemaState> migrate(const Target& target, std::chrono::milliseconds deadline,
                            std::span<const Migration> steps = migrations());
/// The state as it is, on a connection that is not in pipeline mode. Error: store_failed.
Result<SchemaState> schema_state(pg_conn* conn);

}  // namespace gatecast::postgres
