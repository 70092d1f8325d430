#include "adapters/postgres/blocking.hpp"

#include <libpq-fe.h>

namespace gatecast::postgres {

Result<Blocking> Blocking::open(const Target& target, std::chrono::milliseconds deadline) {
  Result<PgConn> conn = connect_blocking(target, deadline);
  if (!conn) return conn.error();
  return Blocking(std::move(*conn));
}

Error Blocking::failure(const pg_result* result) {
  const char* state = result != nullptr ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
  sqlstate_ = state != nullptr ? state : "";
  // The primary message alone: details name values.
  const char* words = result != nullptr ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : nullptr;
  const char* constraint = result != nullptr ? PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME) : nullptr;
  return fail(Errc::store_failed,
              fmt::format("{}: {}{}{}{}", doing_, one_line(words != nullptr ? words : PQerrorMessage(conn_.get())),
                          sqlstate_.empty() ? "" : " (" + sqlstate_ + ")", constraint != nullptr ? ", " : "",
                          constraint != nullptr ? constraint : ""));
}

Result<Rows> Blocking::run(const char* what, const std::string& sql, const Params* params) {
  doing_ = what;
  PGresult* made = nullptr;
  if (params == nullptr) {
    made = PQexec(conn_.get(), sql.c_str());
  } else {
    const auto values = params->values();
    made = PQexecParams(conn_.get(), sql.c_str(), params->size(), params->types(), values.data(), params->lengths(),
                        params->formats(), 0);
  }
  Rows rows(made);
  const auto status = PQresultStatus(made);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return failure(made);
  return rows;
}

Result<std::int64_t> Blocking::number(const char* what, const std::string& sql) {
  auto rows = query(what, sql);
  if (!rows) return rows.error();
  return rows->empty() ? 0 : rows->front().number(0);
}

Result<std::string> Blocking::text(const char* what, const std::string& sql) {
  auto rows = query(what, sql);
  if (!rows) return rows.error();
  return rows->empty() ? std::string() : rows->front().text(0);
}

Result<void> Blocking::copy_begin(const char* what, const std::string& sql) {
  doing_ = what;
  PGresult* made = PQexec(conn_.get(), sql.c_str());
  const Rows rows(made);
  return PQresultStatus(made) == PGRES_COPY_IN ? Result<void>{} : failure(made);
}

Result<void> Blocking::copy_data(std::string_view lines) {
  if (PQputCopyData(conn_.get(), lines.data(), static_cast<int>(lines.size())) == 1) return {};
  return failure(nullptr);
}

Result<std::uint64_t> Blocking::copy_end() {
  if (PQputCopyEnd(conn_.get(), nullptr) != 1) return failure(nullptr);
  PGresult* made = PQgetResult(conn_.get());
  const Rows rows(made);
  Result<std::uint64_t> done = PQresultStatus(made) == PGRES_COMMAND_OK ? Result<std::uint64_t>(rows.affected())
                                                                        : Result<std::uint64_t>(failure(made));
  while (PGresult* more = PQgetResult(conn_.get())) PQclear(more);
  return done;
}

int Blocking::server_version() const { return PQserverVersion(conn_.get()); }

}  // namespace gatecast::postgres
