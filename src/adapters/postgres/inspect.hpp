// What a PostgreSQL store looks like from outside: whether it is reached, its schema, rights, clock, how safe a commit
// is.
//
// Place: `gatecast doctor`, beside servers that may be running on it. Threads: the caller's; blocks, within the
// deadline a step. Reads alone. Errors: store_failed where it cannot be reached.
#pragma once

#include "adapters/postgres/connector.hpp"

namespace gatecast::postgres {

struct Inspection {
  std::string server{};    // "PostgreSQL 15.14"
  std::string encoding{};  // of the database: "UTF8"
  bool encrypted = false;
  int version = 0;  // of the schema; 0: there is none
  int oldest = 0;
  int known = 0;                       // the newest that this program knows
  std::string lacking{};               // the right that is missing, as the statement that gives it
  std::chrono::milliseconds ahead{0};  // its clock before ours
  std::string commit{};                // synchronous_commit, fsync: what weakens it; empty: a commit is on disk
  int standbys = 0;                    // as far as the role may see them
  int synchronous = 0;                 // of these
  bool wants_synchronous = false;      // synchronous_standby_names is set
  int connections_max = 0;
  std::optional<WallTime> restored_at{};
};

Result<Inspection> inspect(const Target& target, std::chrono::milliseconds deadline);

}  // namespace gatecast::postgres
