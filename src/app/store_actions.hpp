// Commands on the store itself: `store copy`, `store restored`, `migrate`.
//
// Place: operator_line.cpp parses their arguments. Threads: any one; they block. Each returns the exit code; results go
// to `out`, progress and complaints to `err`. No password is shown.
#pragma once

#include "app/operators.hpp"

namespace gatecast::app {

/// From a file of SQLite into an empty PostgreSQL database; no server runs. `a.from`, `a.to`: empty: the
/// configuration's.
int do_store_copy(const OperatorArguments& a, const Io& io);
/// Says that the data in PostgreSQL was put in place from a backup; no server runs.
int do_store_restored(const OperatorArguments& a, const Io& io);
/// Brings the schema of the configuration's store to this version's.
int do_migrate(const OperatorArguments& a, const Io& io);

}  // namespace gatecast::app
