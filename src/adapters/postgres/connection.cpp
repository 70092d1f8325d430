#include "adapters/postgres/connection.hpp"

#include <libpq-fe.h>
#include <sys/epoll.h>

namespace gatecast::postgres {
namespace {

std::string prepared_name(const Statement& statement) { return fmt::format("gc_{:016x}", statement.id); }

std::string field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text != nullptr ? text : "";
}

/// Classes whose messages name no values: connection, resources, rights, state of server and schema.
bool may_be_shown(std::string_view sqlstate) {
  for (const std::string_view group : {"08", "25", "26", "28", "3D", "3F", "42", "53", "54", "55", "57", "58", "XX"}) {
    if (sqlstate.starts_with(group)) return true;
  }
  return false;
}

/// A connection that said this serves no more: its server is read-only now, or statements are not what they were.
bool spends(std::string_view sqlstate) {
  return sqlstate == "25006" || sqlstate == "26000" || sqlstate == "0A000" || sqlstate.starts_with("57P");
}

}  // namespace

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\n' || c == '\r' ? ' ' : c;
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

void PgConnClose::operator()(pg_conn* conn) const { PQfinish(conn); }

struct Connection::Answered {
  Connection& connection;
  bool await_ready() const noexcept { return !connection.busy_; }
  void await_suspend(std::coroutine_handle<> who) noexcept { connection.waiting_ = who; }
  void await_resume() const noexcept {}
};

bool Connection::adopt(PgConn conn) {
  close();
  failure_ = {};
  conn_ = std::move(conn);
  PQsetNoticeReceiver(conn_.get(), &Connection::on_notice, this);
  fd_ = PQsocket(conn_.get());
  watched_ = EPOLLIN;
  if (PQsetnonblocking(conn_.get(), 1) != 0 || PQenterPipelineMode(conn_.get()) != 1 ||
      !loop_.watch(fd_, watched_, this)) {
    conn_.reset();
    fd_ = -1;
    return false;
  }
  return true;
}

void Connection::close() {
  if (!conn_) return;
  loop_.unwatch(fd_);
  fd_ = -1;
  conn_.reset();
  known_.clear();
  if (busy_) {
    failure_.lost = true;
    if (!error_) error_ = fail(Errc::store_failed, "connection closed");
    finish();
  }
}

bool Connection::in_transaction() const { return conn_ && PQtransactionStatus(conn_.get()) != PQTRANS_IDLE; }

Task<Result<std::vector<Rows>>> Connection::run(Batch batch, SteadyTime deadline) {
  failure_ = {};
  if (!conn_) {
    failure_.lost = true;
    co_return fail(Errc::store_failed, "connection lost");
  }
  rows_.clear();
  expected_.clear();
  preparing_.clear();
  error_.reset();
  next_ = 0;
  spent_ = false;
  warned_ = false;
  busy_ = true;
  heard_ = std::chrono::steady_clock::now();
  if (send(batch)) {
    const auto left = std::max(deadline - heard_, Duration::zero());
    timer_ = loop_.after(left, [this] {
      timer_ = 0;
      failure_.timed_out = true;
      failure_.unheard = std::chrono::steady_clock::now() - heard_;
      lose("deadline");
    });
  } else {
    lose(conn_ ? one_line(PQerrorMessage(conn_.get())) : "connection lost");
  }
  co_await Answered{*this};
  if (error_) co_return std::move(*error_);
  co_return std::move(rows_);
}

bool Connection::send(const Batch& batch) {
  for (const auto& item : batch.items()) {
    if (!send_item(item)) return false;
  }
  return PQpipelineSync(conn_.get()) == 1 && flush();
}

bool Connection::send_item(const Batch::Item& item) {
  const Statement& statement = *item.statement;
  const Params& params = item.params;
  const auto values = params.values();
  expected_.reserve(expected_.size() + 2);
  if (!prepared_) {
    expected_.push_back({&statement, false});
    return PQsendQueryParams(conn_.get(), statement.sql, params.size(), params.types(), values.data(), params.lengths(),
                             params.formats(), 0) == 1;
  }
  const std::string name = prepared_name(statement);
  if (!known_.contains(statement.id) && preparing_.insert(statement.id).second) {
    expected_.push_back({&statement, true});
    if (PQsendPrepare(conn_.get(), name.c_str(), statement.sql, params.size(), params.types()) != 1) return false;
  }
  expected_.push_back({&statement, false});
  return PQsendQueryPrepared(conn_.get(), name.c_str(), params.size(), values.data(), params.lengths(),
                             params.formats(), 0) == 1;
}

bool Connection::flush() {
  const int left = PQflush(conn_.get());
  if (left < 0) return false;
  const std::uint32_t wanted = left == 0 ? EPOLLIN : EPOLLIN | EPOLLOUT;
  if (wanted != watched_) loop_.change(fd_, watched_ = wanted, this);
  return true;
}

void Connection::on_ready(std::uint32_t /*events*/) {
  if (!conn_) return;
  heard_ = std::chrono::steady_clock::now();
  // What has arrived is read even where the connection is over: the server's last words are among it.
  const bool alive = PQconsumeInput(conn_.get()) == 1;
  read_results();
  if (!conn_) return;
  if (!alive || PQstatus(conn_.get()) != CONNECTION_OK || !flush()) lose(one_line(PQerrorMessage(conn_.get())));
}

void Connection::read_results() {
  // In pipeline mode each command's results end with a null, and the batch with one result of its own.
  while (busy_ && conn_ && PQisBusy(conn_.get()) == 0) {
    PGresult* result = PQgetResult(conn_.get());
    if (result == nullptr) {
      if (PQstatus(conn_.get()) != CONNECTION_OK || next_ >= expected_.size()) return;
      ++next_;
      continue;
    }
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
      PQclear(result);
      if (spent_) return lose("the connection is of no more use");
      return finish();
    }
    take_result(result);
  }
}

void Connection::take_result(pg_result* result) {
  Rows rows(result);
  if (next_ >= expected_.size()) return;
  const Expected& from = expected_[next_];
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
      if (from.preparing) {
        known_.insert(from.statement->id);
      } else {
        rows_.push_back(std::move(rows));
      }
      break;
    case PGRES_PIPELINE_ABORTED: break;  // behind one that failed
    default: take_error(result, from);
  }
}

void Connection::take_error(const pg_result* result, const Expected& from) {
  if (error_) return;
  failure_.sqlstate = field(result, PG_DIAG_SQLSTATE);
  failure_.constraint = field(result, PG_DIAG_CONSTRAINT_NAME);
  failure_.timed_out = failure_.sqlstate == "57014";
  spent_ = spends(failure_.sqlstate);
  std::string detail = fmt::format("{}: {}", from.statement->name, failure_.sqlstate);
  if (!failure_.constraint.empty()) detail += fmt::format(" ({})", failure_.constraint);
  if (may_be_shown(failure_.sqlstate)) detail += fmt::format(" {}", one_line(field(result, PG_DIAG_MESSAGE_PRIMARY)));
  const bool no_text = failure_.sqlstate == "22021";  // a text that is no UTF-8, or holds a zero byte
  error_ = fail(no_text ? Errc::field_invalid : Errc::store_failed, std::move(detail));
}

void Connection::lose(std::string why) {
  if (!conn_) {
    if (busy_) finish();
    return;
  }
  const bool idle = !busy_;
  // A statement that failed and was answered is no unknown outcome, whatever becomes of the connection.
  const bool answered = spent_ && error_.has_value() && !failure_.sqlstate.starts_with("57P");
  if (busy_ && !error_) {
    const char* at = next_ < expected_.size() ? expected_[next_].statement->name : "sync";
    error_ = fail(Errc::store_failed, fmt::format("{}: {}", at, why.empty() ? "connection lost" : why));
  }
  failure_.lost = !answered;
  loop_.unwatch(fd_);
  fd_ = -1;
  conn_.reset();
  known_.clear();
  if (idle) {
    if (when_lost_) when_lost_();
  } else {
    finish();
  }
}

void Connection::finish() {
  busy_ = false;
  if (timer_ != 0) loop_.cancel(std::exchange(timer_, 0));
  // The last step: who goes on may send the next batch.
  if (waiting_) std::exchange(waiting_, nullptr).resume();
}

void Connection::on_notice(void* self, const pg_result* result) {
  if (field(result, PG_DIAG_SEVERITY_NONLOCALIZED) == "WARNING") static_cast<Connection*>(self)->warned_ = true;
}

}  // namespace gatecast::postgres
