// What a statement answered: rows, or how many it changed.
//
// Place: inside adapters/postgres, made by Connection. Lifetime: owns libpq's result; a Row looks into it and is not
// kept longer. Threads: as a value.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "core/clock.hpp"

struct pg_result;

namespace gatecast::postgres {

class Rows;

class Row {
 public:
  bool is_null(int column) const;
  /// Empty for null.
  std::string text(int column) const;
  /// 0 for null.
  std::int64_t number(int column) const;
  std::uint64_t count(int column) const { return static_cast<std::uint64_t>(number(column)); }
  bool flag(int column) const;
  WallTime time(int column) const { return from_unix_ms(number(column)); }

 private:
  friend class Rows;
  Row(const pg_result* result, int row) : result_(result), row_(row) {}
  const pg_result* result_;
  int row_;
};

class Rows {
 public:
  Rows() = default;
  explicit Rows(pg_result* result) : result_(result) {}

  int size() const;
  bool empty() const { return size() == 0; }
  Row operator[](int row) const { return {result_.get(), row}; }
  Row front() const { return (*this)[0]; }
  /// Rows that the statement changed, or read.
  std::uint64_t affected() const;
  /// "COMMIT", "INSERT 0 1", …
  std::string tag() const;

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> result_;
};

/// Every row, as `read` gives it.
template <class F>
auto collect(const Rows& rows, F&& read) {
  std::vector<std::invoke_result_t<F, const Row&>> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int i = 0; i < rows.size(); ++i) out.push_back(read(rows[i]));
  return out;
}

/// The first row, as `read` gives it.
template <class F>
auto first(const Rows& rows, F&& read) {
  using Out = std::optional<std::invoke_result_t<F, const Row&>>;
  return rows.empty() ? Out{} : Out{read(rows.front())};
}

inline std::string text_from(const Row& row) { return row.text(0); }

}  // namespace gatecast::postgres
