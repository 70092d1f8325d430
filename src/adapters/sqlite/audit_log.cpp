// The audit log. Its seq is the row's id: SQLite gives one more than the greatest there is, and the greatest is never
// removed, so none is given twice.
#include "adapters/sqlite/columns.hpp"
#include "adapters/sqlite/operations.hpp"

namespace gatecast::sqlite {
namespace {

using store::AuditQuery;
using store::AuditRow;

bool asked_for(const AuditQuery& query, const Query& row) {
  const auto is = [&row](int column, const std::string& value) { return row.text(column) == value; };
  if (!query.user_id.empty() && !is(3, query.user_id)) return false;
  return query.kinds.empty() ||
         std::any_of(query.kinds.begin(), query.kinds.end(), [&](const std::string& kind) { return is(2, kind); });
}

}  // namespace

Result<void> audit(Database& db, const std::vector<AuditRow>& rows) {
  for (const auto& row : rows) {
    auto inserted = db.run(
        "INSERT INTO audit (at, kind, user_id, sid, ip, code, detail, count) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row.at,
        row.kind, row.user_id, row.sid, row.ip, row.code, row.detail, static_cast<std::int64_t>(row.count));
    if (!inserted) return inserted.error();
  }
  return {};
}

// The rows are filtered here and not by the statement: it then reads in order, and it is known how far it has come.
// An index by user would cost every sign-in a page.
Result<AuditPart> audit_part(Database& db, const AuditQuery& query, std::uint32_t scan) {
  const bool back = query.before != 0;
  const std::uint64_t from = std::min<std::uint64_t>(back ? query.before : query.after, INT64_MAX);
  Query rows = db.select(back ? "SELECT id, at, kind, user_id, sid, ip, code, detail, count FROM audit WHERE id < ?"
                                " ORDER BY id DESC LIMIT ?"
                              : "SELECT id, at, kind, user_id, sid, ip, code, detail, count FROM audit WHERE id > ?"
                                " ORDER BY id LIMIT ?",
                         static_cast<std::int64_t>(from), static_cast<std::int64_t>(scan));
  AuditPart part{.rows = {}, .read_to = from};
  for (std::uint32_t read = 0; part.rows.size() < query.limit; ++read) {
    Result<bool> row = rows.next();
    if (!row) return row.error();
    if (!*row) {
      part.end = read < scan;
      return part;
    }
    part.read_to = rows.count(0);
    if (asked_for(query, rows)) part.rows.push_back(audit_from(rows));
  }
  return part;
}

Result<void> forget_audit(Database& db, const std::vector<std::uint64_t>& seqs) {
  for (const std::uint64_t seq : seqs) {
    auto forgotten = db.run("UPDATE audit SET ip = '', detail = '' WHERE id = ?", static_cast<std::int64_t>(seq));
    if (!forgotten) return forgotten.error();
  }
  return {};
}

}  // namespace gatecast::sqlite
