// Queries to rows, with the readers that every store shares (store/columns.hpp).
//
// Place: inside adapters/sqlite.
#pragma once

#include <optional>
#include <type_traits>
#include <vector>

#include "adapters/sqlite/database.hpp"
#include "store/columns.hpp"

namespace gatecast::sqlite {

using store::audit_from;
using store::control_from;
using store::grant_from;
using store::identity_from;
using store::kSessionColumnCount;
using store::kUserColumnCount;
using store::kViewColumnCount;
using store::reason_from;
using store::session_from;
using store::user_from;
using store::view_from;

/// Tables of GATECAST_VIEW_COLUMNS, to be followed by WHERE.
#define GATECAST_VIEW_TABLES                     \
  " sessions s JOIN users u ON u.id = s.user_id" \
  " LEFT JOIN identities i ON i.user_id = s.user_id AND i.id = s.identity_id"

/// All rows, each as `read` gives it.
template <class F>
auto collect(Query query, F&& read) -> Result<std::vector<std::invoke_result_t<F, const Query&>>> {
  std::vector<std::invoke_result_t<F, const Query&>> rows;
  for (;;) {
    Result<bool> row = query.next();
    if (!row) return row.error();
    if (!*row) return rows;
    rows.push_back(read(query));
  }
}

/// The first row, as `read` gives it.
template <class F>
auto first(Query query, F&& read) -> Result<std::optional<std::invoke_result_t<F, const Query&>>> {
  using Row = std::optional<std::invoke_result_t<F, const Query&>>;
  Result<bool> row = query.next();
  if (!row) return row.error();
  return *row ? Row{read(query)} : Row{};
}

inline std::string text_from(const Query& row) { return row.text(0); }

}  // namespace gatecast::sqlite
