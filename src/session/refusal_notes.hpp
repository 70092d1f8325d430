// Refused sign-ins on their way to the audit log, counted together by code and address.
//
// Place: Sessions notes, and writes every few seconds: a flood of bad proofs becomes a few rows with a count, not a
// flood of writes. Threads: any; one mutex, taken only for refusals. Bounds: `rows_max`; over it addresses are left out
// and only the code is counted.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/rows.hpp"

namespace gatecast::session {

class RefusalNotes {
 public:
  explicit RefusalNotes(std::size_t rows_max = 1024) : rows_max_(rows_max) {}

  /// `detail` is the first one's; it never holds a secret.
  void note(Errc code, std::string_view ip, std::string_view detail, WallTime at);
  std::vector<store::AuditRow> take();
  /// Adds the counts of rows that could not be written.
  void put_back(const std::vector<store::AuditRow>& rows);

 private:
  void add(store::AuditRow row);

  const std::size_t rows_max_;
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, store::AuditRow> rows_;  // by code and ip
};

}  // namespace gatecast::session
