// What a store's file looks like from outside: whose it is, its version, whether it is whole, what was backed up.
//
// Place: `gatecast doctor`, beside a server that may be running on the file. Threads: the caller's; blocks. The file is
// opened for reading alone. Bounds: a file of over `check_bytes_max` is not checked page by page; of the audit log the
// newest kAuditRows are looked at. Errors: store_failed where it cannot be read at all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/clock.hpp"
#include "core/result.hpp"

namespace gatecast::sqlite {

inline constexpr std::int64_t kAuditRows = 200'000;

struct Inspection {
  bool ours = false;         // the header says so
  std::int64_t version = 0;  // of its schema
  std::int64_t known = 0;    // the newest that this program knows
  std::uint64_t bytes = 0;
  bool checked = false;                   // page by page
  std::string damage{};                   // the first fault that was found
  std::optional<WallTime> first_audit{};  // the oldest row: about as long it has been in use
  std::optional<WallTime> backup_at{};    // the newest backup made by the running server
};

/// Nothing where there is no such file.
Result<std::optional<Inspection>> inspect(const std::string& path, std::uint64_t check_bytes_max);

}  // namespace gatecast::sqlite
