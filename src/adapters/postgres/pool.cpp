#include "adapters/postgres/pool.hpp"

namespace gatecast::postgres {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPauseMin = 50ms;
constexpr Duration kPauseMax = 1s;
// For what is done beside operations: settings of a new connection, a rollback.
constexpr Duration kHousekeeping = 3s;

constexpr Statement kRollback{"rollback", "ROLLBACK"};

// A statement ends on the server a little before its operation's time is over, even where the network no longer says
// so, so that a lock costs no connection; a process that stands still gives up its locks. A server whose default is a
// laxer commit is held to a durable one. Names without a schema are the server's own.
constexpr Statement kSettings{"settings", R"sql(
SELECT set_config('statement_timeout', $1::bigint::text, $3::boolean),
       set_config('idle_in_transaction_session_timeout', $2::bigint::text, $3::boolean),
       set_config('default_transaction_isolation', 'read committed', $3::boolean),
       set_config('search_path', 'pg_catalog, pg_temp', $3::boolean),
       set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN ('on', 'remote_apply')
                                             THEN current_setting('synchronous_commit') ELSE 'on' END, $3::boolean)
)sql"};

}  // namespace

const Statement& settings_statement() { return kSettings; }

Params settings_values(const Pool::Options& options, bool local) {
  const std::int64_t ms = options.deadline.count();
  return Params(ms * 4 / 5, 2 * ms, local);
}

void Lease::give_back() {
  if (connection_ != nullptr) pool_->give_back(std::exchange(connection_, nullptr));
}

Pool::Pool(net::EpollLoop& loop, Connector& connector, const Options& options)
    : loop_(loop), connector_(connector), options_(options) {
  for (std::uint32_t i = 0; i < options.connections; ++i) {
    all_.push_back(std::make_unique<Connection>(loop, options.prepared));
    Connection* connection = all_.back().get();
    connection->when_lost([this, connection] {
      // One that is lent comes back to be found closed.
      if (std::erase(idle_, connection) > 0) gone(connection);
    });
    closed_.push_back(connection);
  }
}

Task<Result<Lease>> Pool::take(SteadyTime deadline, bool first) {
  if (ended_) co_return fail(Errc::cancelled, "store stops");
  if (!idle_.empty()) {
    Connection* connection = idle_.back();
    idle_.pop_back();
    ++figures_.in_use;
    co_return Lease(this, connection);
  }
  co_return co_await arrival<Result<Lease>>(
      [this, deadline, first](Waiter resume) { wait(std::move(resume), deadline, first); });
}

void Pool::wait(Waiter resume, SteadyTime deadline, bool first) {
  const auto now = std::chrono::steady_clock::now();
  if (retry_ != 0 && is_out_of_reach(now)) {
    return resume(fail(Errc::store_failed, last_failure_));
  }
  const auto place = waiting_.insert(first ? waiting_.begin() : waiting_.end(), Waiting{std::move(resume), 0});
  ++figures_.waiting;
  // Who got one with no time left would cost it: a statement cut off by the deadline takes its connection along, and
  // where all come that late none would be left.
  const Duration left = deadline - options_.deadline / 8 - now;
  place->timer = loop_.after(std::max(left, Duration::zero()), [this, place] {
    Waiter late = std::move(place->resume);
    waiting_.erase(place);
    --figures_.waiting;
    late(fail(Errc::store_failed, failing_since_ ? last_failure_ : "no connection free within the deadline"));
  });
  connect_for_waiters();
}

bool Pool::is_out_of_reach(SteadyTime now) const {
  return failing_since_ && figures_.open == 0 && now - *failing_since_ > options_.deadline;
}

void Pool::connect_for_waiters() {
  if (ended_ || retry_ != 0) return;
  while (!closed_.empty() && connecting_ < waiting_.size()) {
    // One attempt is enough to see whether the server is back.
    if (failing_since_ && connecting_ > 0) return;
    Connection* connection = closed_.back();
    closed_.pop_back();
    ++connecting_;
    connector_.connect([this, connection](Result<PgConn> made) { connected(connection, std::move(made)); });
  }
}

void Pool::connected(Connection* connection, Result<PgConn> made) {
  if (ended_) return;
  if (!made) return failed(connection, made.error());
  if (!connection->adopt(std::move(*made))) return failed(connection, fail(Errc::store_failed, "no descriptors left"));
  spawn(prepare(connection));
}

Task<void> Pool::prepare(Connection* connection) {
  if (options_.prepared) {
    Batch batch;
    batch.insert_first(kSettings, settings_values(options_, false));
    auto set = co_await connection->run(std::move(batch), std::chrono::steady_clock::now() + kHousekeeping);
    if (!set) {
      connection->close();
      failed(connection, set.error());
      co_return;
    }
  }
  --connecting_;
  failing_since_.reset();
  pause_ = {};
  ++figures_.made;
  ++figures_.open;
  hand_on(connection);
  connect_for_waiters();
}

void Pool::failed(Connection* connection, const Error& error) {
  --connecting_;
  ++figures_.failed;
  closed_.push_back(connection);
  if (ended_) return;
  last_failure_ = error.detail;
  const auto now = std::chrono::steady_clock::now();
  if (!failing_since_) failing_since_ = now;
  if (is_out_of_reach(now)) refuse_waiters(error);
  pause_ = std::clamp(pause_ * 2, kPauseMin, kPauseMax);
  if (retry_ != 0) return;
  retry_ = loop_.after(pause_, [this] {
    retry_ = 0;
    connect_for_waiters();
  });
}

void Pool::refuse_waiters(const Error& error) {
  auto waiting = std::exchange(waiting_, {});
  figures_.waiting = 0;
  for (auto& waiter : waiting) {
    loop_.cancel(waiter.timer);
    waiter.resume(error);
  }
}

void Pool::give_back(Connection* connection) {
  --figures_.in_use;
  if (!connection->is_open()) return gone(connection);
  if (connection->in_transaction()) return spawn(roll_back(connection));
  hand_on(connection);
}

Task<void> Pool::roll_back(Connection* connection) {
  Batch batch;
  batch.add(kRollback);
  auto undone = co_await connection->run(std::move(batch), std::chrono::steady_clock::now() + kHousekeeping);
  if (!undone || connection->in_transaction()) {
    connection->close();
    gone(connection);
    co_return;
  }
  hand_on(connection);
}

void Pool::hand_on(Connection* connection) {
  if (ended_) return connection->close();
  if (waiting_.empty()) return idle_.push_back(connection);
  Waiting next = std::move(waiting_.front());
  waiting_.pop_front();
  --figures_.waiting;
  loop_.cancel(next.timer);
  ++figures_.in_use;
  next.resume(Lease(this, connection));
}

void Pool::gone(Connection* connection) {
  // A server that says nothing for that long is not merely busy: it would have given up the statement. The network may
  // have forgotten the idle connections too, and each would cost an operation its deadline.
  const bool silent = connection->failure().unheard >= options_.deadline * 9 / 10;
  ++figures_.lost;
  --figures_.open;
  closed_.push_back(connection);
  if (silent) {
    for (Connection* idle : std::exchange(idle_, {})) {
      idle->close();
      ++figures_.lost;
      --figures_.open;
      closed_.push_back(idle);
    }
  }
  connect_for_waiters();
}

void Pool::close_all() {
  ended_ = true;
  if (retry_ != 0) loop_.cancel(std::exchange(retry_, 0));
  for (auto& connection : all_) connection->close();
}

}  // namespace gatecast::postgres
