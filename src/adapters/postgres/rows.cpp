#include "adapters/postgres/rows.hpp"

#include <libpq-fe.h>

#include <charconv>

namespace gatecast::postgres {

bool Row::is_null(int column) const { return PQgetisnull(result_, row_, column) != 0; }

std::string Row::text(int column) const {
  return {PQgetvalue(result_, row_, column), static_cast<std::size_t>(PQgetlength(result_, row_, column))};
}

std::int64_t Row::number(int column) const {
  const char* at = PQgetvalue(result_, row_, column);
  std::int64_t value = 0;
  std::from_chars(at, at + PQgetlength(result_, row_, column), value);
  return value;
}

bool Row::flag(int column) const { return PQgetvalue(result_, row_, column)[0] == 't'; }

void Rows::Clear::operator()(pg_result* result) const { PQclear(result); }

int Rows::size() const { return result_ ? PQntuples(result_.get()) : 0; }

std::uint64_t Rows::affected() const {
  if (!result_) return 0;
  const std::string_view text = PQcmdTuples(result_.get());
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string Rows::tag() const { return result_ ? PQcmdStatus(result_.get()) : ""; }

}  // namespace gatecast::postgres
