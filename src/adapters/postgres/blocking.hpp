// A connection for commands – copying, marking, looking – that waits for each answer where it is asked.
//
// Place: beside the store, not under it. Threads: the caller's; blocks. Lifetime: a transaction that is open when it is
// destroyed is rolled back. Errors: store_failed with what was done, SQLSTATE and PostgreSQL's words; never a value.
#pragma once

#include "adapters/postgres/connector.hpp"

namespace gatecast::postgres {

class Blocking {
 public:
  static Result<Blocking> open(const Target& target, std::chrono::milliseconds deadline);

  /// One statement with its values, or several without.
  template <class... Ts>
  Result<Rows> query(const char* what, const std::string& sql, const Ts&... values) {
    if constexpr (sizeof...(Ts) == 0) {
      return run(what, sql, nullptr);
    } else {
      const Params params(values...);
      return run(what, sql, &params);
    }
  }
  /// The first column of the first row; 0 where it is null.
  Result<std::int64_t> number(const char* what, const std::string& sql);
  Result<std::string> text(const char* what, const std::string& sql);

  /// COPY … FROM STDIN: its lines follow by `copy_data`, and `copy_end` gives how many rows there were.
  Result<void> copy_begin(const char* what, const std::string& sql);
  Result<void> copy_data(std::string_view lines);
  Result<std::uint64_t> copy_end();

  /// SQLSTATE of the last failure.
  const std::string& sqlstate() const { return sqlstate_; }
  int server_version() const;
  pg_conn* get() const { return conn_.get(); }

 private:
  explicit Blocking(PgConn conn) : conn_(std::move(conn)) {}
  Result<Rows> run(const char* what, const std::string& sql, const Params* params);
  Error failure(const pg_result* result);

  PgConn conn_;
  const char* doing_ = "";
  std::string sqlstate_{};
};

}  // namespace gatecast::postgres
