// The audit log, in an order in which nothing comes behind what has been read.
//
// Its numbers are given while transactions run, so a higher one may be committed first. audit_bound() says up to which
// number everything is there; what lies above waits for the transactions under way, which are short.
#include "adapters/postgres/columns.hpp"
#include "adapters/postgres/operations.hpp"

namespace gatecast::postgres {
namespace {

using store::AuditQuery;
using store::AuditRow;

constexpr std::uint32_t kAuditRowsMax = 1000;
// Rows that one statement looks at: tens of milliseconds.
constexpr std::uint32_t kAuditScan = 20'000;

constexpr Statement kAdd{"audit.add_many",
                         "INSERT INTO gatecast.audit (at, kind, user_id, sid, ip, code, detail, count)"
                         " SELECT at, kind, user_id, sid, ip, code, detail, count"
                         " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) WITH ORDINALITY"
                         " AS r(at, kind, user_id, sid, ip, code, detail, count, place) ORDER BY place"};
constexpr Statement kBound{"audit.bound", "SELECT gatecast.audit_bound()"};

// $1 from, $2 rows to look at, $3 user, $4 kinds (none: all), $5 rows wanted. The first row is how far the look came
// and how many rows it saw.
#define GATECAST_PG_AUDIT(whose, beyond, order, furthest)                                             \
  "WITH looked AS (SELECT * FROM gatecast.audit WHERE " whose "seq " beyond " $1 ORDER BY seq " order \
  " LIMIT $2),"                                                                                       \
  " found AS (SELECT * FROM looked WHERE cardinality($4) = 0 OR kind = ANY ($4) ORDER BY seq " order  \
  " LIMIT $5)"                                                                                        \
  " SELECT seq, at, kind, user_id, sid, ip, code, detail, count, false AS head FROM found"            \
  " UNION ALL SELECT " furthest                                                                       \
  "(seq), count(*), '', '', '', '', '', '', 0, true FROM looked"                                      \
  " ORDER BY head DESC, seq " order
#define GATECAST_PG_OF_USER "user_id = $3 AND user_id <> '' AND "
constexpr Statement kForth{"audit.forth", GATECAST_PG_AUDIT("", ">", "ASC", "max")};
constexpr Statement kBack{"audit.back", GATECAST_PG_AUDIT("", "<", "DESC", "min")};
constexpr Statement kForthOfUser{"audit.forth_of_user", GATECAST_PG_AUDIT(GATECAST_PG_OF_USER, ">", "ASC", "max")};
constexpr Statement kBackOfUser{"audit.back_of_user", GATECAST_PG_AUDIT(GATECAST_PG_OF_USER, "<", "DESC", "min")};

const Statement& statement_of(const AuditQuery& query) {
  if (query.user_id.empty()) return query.before != 0 ? kBack : kForth;
  return query.before != 0 ? kBackOfUser : kForthOfUser;
}

struct Part {
  std::vector<AuditRow> rows;
  std::uint64_t read_to = 0;
  bool end = false;
};

/// A part of the log: the rows asked for among those looked at. `bound`: none above it.
Task<Result<Part>> read_part(Op op, const AuditQuery& query, std::uint64_t from, std::size_t limit) {
  Batch batch;
  batch.add(kBound);
  batch.add(statement_of(query), from, kAuditScan, query.user_id, query.kinds, limit);
  auto answers = co_await run_reading(op, std::move(batch));
  if (!answers) co_return answers.error();
  const std::uint64_t bound = (*answers)[0].front().count(0);
  const Rows& rows = (*answers)[1];
  const bool cut = static_cast<std::size_t>(rows.size()) > limit;  // there may be more among those looked at
  Part part;
  part.read_to = cut ? rows[rows.size() - 1].count(0) : rows.front().count(0);
  part.end = !cut && rows.front().number(1) < kAuditScan;
  for (int i = 1; i < rows.size(); ++i) {
    AuditRow row = audit_from(rows[i]);
    if (row.seq <= bound) part.rows.push_back(std::move(row));
  }
  // What lies above the bound is for a later call.
  if (query.before == 0 && part.read_to >= bound) part.end = true;
  co_return part;
}

}  // namespace

Task<Result<void>> audit(Op op, const std::vector<AuditRow>& rows) {
  if (rows.empty()) co_return Result<void>{};
  std::vector<WallTime> at;
  std::vector<std::string> kind, user_id, sid, ip, code, detail;
  std::vector<std::int64_t> count;
  for (const AuditRow& row : rows) {
    at.push_back(row.at);
    kind.push_back(row.kind);
    user_id.push_back(row.user_id);
    sid.push_back(row.sid);
    ip.push_back(row.ip);
    code.push_back(row.code);
    detail.push_back(row.detail);
    count.push_back(static_cast<std::int64_t>(row.count));
  }
  auto added = co_await write(op, kAdd, at, kind, user_id, sid, ip, code, detail, count);
  if (!added) co_return added.error();
  co_return Result<void>{};
}

Task<Result<std::vector<AuditRow>>> audit_log(Op op, const AuditQuery& query) {
  std::vector<AuditRow> rows;
  const std::size_t limit = std::min(query.limit, kAuditRowsMax);
  std::uint64_t from = std::min<std::uint64_t>(query.before != 0 ? query.before : query.after, INT64_MAX);
  for (bool end = false; !end && rows.size() < limit;) {
    auto part = co_await read_part(op.renewed(), query, from, limit - rows.size());
    if (!part) co_return part.error();
    std::move(part->rows.begin(), part->rows.end(), std::back_inserter(rows));
    from = part->read_to;
    end = part->end;
  }
  co_return rows;
}

}  // namespace gatecast::postgres
