// A backup put in the place of the store's file.
//
// Place: a command of the program, while no server runs: the caller holds data/lock. Threads: the caller's; blocks.
// Sequence: the backup is copied beside the store, checked there (ours, whole, not newer than this program), brought up
// to date and marked as restored; the old store is folded into one file and kept under another name; one rename puts
// the copy in place. A process that dies on the way leaves the old store or the new one, never none and never a
// mixture. Errors: store_failed with path and reason; where anything fails, the store is as it was.
#pragma once

#include <cstdint>
#include <string>

#include "core/clock.hpp"
#include "core/result.hpp"

namespace gatecast::sqlite {

struct Restored {
  std::string kept_as{};  // the old store's new name: `store`.before-restore, or with .2, .3, …; empty: there was none
  std::uint64_t users = 0;
  std::uint64_t sessions = 0;
};

/// `now` becomes the store's `restored_at`. The backup's file is only read.
Result<Restored> restore(const std::string& backup, const std::string& store, WallTime now);

}  // namespace gatecast::sqlite
