// A whole store put into an empty PostgreSQL database.
//
// Place: the command `gatecast store copy`, while no server runs on either. Threads: the caller's; blocks.
// Sequence: the schema is made, then one transaction locks the tables, copies every one, sets the sequences behind the
// highest numbers, compares the counts and commits: what is interrupted anywhere leaves the target empty. Rows go by
// COPY, a piece at a time, whatever their number.
// Errors: store_not_empty, store_in_use, store_failed; each without effect. A commit whose answer was lost may have
// landed: the next attempt then says that the target is not empty.
#pragma once

#include <functional>
#include <span>

#include "adapters/postgres/blocking.hpp"

namespace gatecast::postgres {

enum class CopiedAs : std::uint8_t { text, number, flag, hex };

struct CopiedColumn {
  const char* name;
  CopiedAs as = CopiedAs::text;
  const char* source = nullptr;  // what the source calls it, where that is another name
};
struct CopiedTable {
  const char* name;
  std::span<const CopiedColumn> columns;
};
/// All but leases, which end by themselves; a table follows those it refers to.
std::span<const CopiedTable> copied_tables();

/// Values in the order of a table's columns; none: null. Flags are "0" and "1", bytes are hex.
using CopiedRow = std::vector<std::optional<std::string>>;

/// Where the rows come from: one moment of it.
class CopySource {
 public:
  virtual ~CopySource() = default;
  virtual Result<std::uint64_t> count(const CopiedTable& table) = 0;
  /// Gives every row to `take`, until it fails.
  virtual Result<void> read(const CopiedTable& table, const std::function<Result<void>(const CopiedRow&)>& take) = 0;
  /// The highest number ever given in the control log.
  virtual Result<std::uint64_t> control_seq() = 0;
};

struct CopyReport {
  struct Table {
    const char* name;
    std::uint64_t rows;
  };
  std::vector<Table> tables{};
  std::uint64_t mended = 0;  // texts that were no UTF-8, or held a zero byte, which PostgreSQL takes in none
};

struct CopyOptions {
  std::chrono::milliseconds deadline{5000};  // for connecting
  bool dry_run = false;                      // reads everything, looks at the target, writes nothing
  std::function<void(const char* table, std::uint64_t done, std::uint64_t of)> progress{};
};

Result<CopyReport> copy_store(CopySource& source, const Target& target, const CopyOptions& options);

/// The text as PostgreSQL takes it; counts one that had to be changed.
std::string clean_text(std::string_view text, std::uint64_t& mended);

/// Marks data that was put in place from a backup (restored_at, numbers beyond all earlier ones). No server may be
/// connected. Errors: store_in_use, store_failed.
Result<void> mark_restored(const Target& target, std::chrono::milliseconds deadline);

}  // namespace gatecast::postgres
