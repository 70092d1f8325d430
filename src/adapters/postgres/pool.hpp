// The store's connections: made when they are needed, kept open, lent to one operation at a time.
//
// Place: between operations and Connection. Threads: the store's loop. Lifetime: outlives every Lease; `close_all`
// before the loop ends. Bounds: `connections`; who waits for one waits until an eighth of the deadline is left, and the
// store bounds how many do. A connection comes back from an operation with its transaction rolled back.
// Errors: store_failed: none became free in time, or none can be made. After the server has been out of reach for a
// while nobody waits any more: each is told at once what the last attempt said.
#pragma once

#include <list>

#include "adapters/postgres/connector.hpp"

namespace gatecast::postgres {

class Pool;

/// A connection while an operation has it.
class Lease {
 public:
  Lease(Pool* pool, Connection* connection) : pool_(pool), connection_(connection) {}
  Lease(Lease&& o) noexcept : pool_(o.pool_), connection_(std::exchange(o.connection_, nullptr)) {}
  Lease& operator=(Lease&& o) noexcept {
    give_back();
    pool_ = o.pool_;
    connection_ = std::exchange(o.connection_, nullptr);
    return *this;
  }
  ~Lease() { give_back(); }
  Connection& operator*() const { return *connection_; }
  Connection* operator->() const { return connection_; }

 private:
  void give_back();
  Pool* pool_;
  Connection* connection_;
};

class Pool {
 public:
  struct Options {
    std::uint32_t connections = 10;
    std::chrono::milliseconds deadline{5000};  // of an operation, and on the server of a statement
    bool prepared = true;                      // false: a pooler; settings go with each transaction
  };
  struct Figures {
    std::atomic<std::uint64_t> open{0}, in_use{0}, waiting{0};
    std::atomic<std::uint64_t> made{0}, lost{0}, failed{0};
  };

  Pool(net::EpollLoop& loop, Connector& connector, const Options& options);

  /// `first`: before everybody who waits.
  Task<Result<Lease>> take(SteadyTime deadline, bool first = false);
  void close_all();
  const Figures& figures() const { return figures_; }
  const Options& options() const { return options_; }

 private:
  friend class Lease;
  using Waiter = Resume<Result<Lease>>;
  struct Waiting {
    Waiter resume;
    Loop::TimerId timer;
  };

  void wait(Waiter resume, SteadyTime deadline, bool first);
  void give_back(Connection* connection);
  void hand_on(Connection* connection);
  void connect_for_waiters();
  void connected(Connection* connection, Result<PgConn> made);
  Task<void> prepare(Connection* connection);
  Task<void> roll_back(Connection* connection);
  void failed(Connection* connection, const Error& error);
  void gone(Connection* connection);
  /// No connection stands, and for a while none could be made.
  bool is_out_of_reach(SteadyTime now) const;
  void refuse_waiters(const Error& error);

  net::EpollLoop& loop_;
  Connector& connector_;
  const Options options_;
  std::vector<std::unique_ptr<Connection>> all_;
  std::vector<Connection*> idle_;    // open; the last one used comes first
  std::vector<Connection*> closed_;  // to be made
  std::list<Waiting> waiting_;
  std::uint32_t connecting_ = 0;
  bool ended_ = false;
  std::optional<SteadyTime> failing_since_;
  Duration pause_{};  // before the next attempt
  Loop::TimerId retry_ = 0;
  std::string last_failure_;
  Figures figures_;
};

/// What a transaction's or a connection's settings must be: `local` for one transaction. Values: deadline in ms, idle
/// time in a transaction in ms, local.
const Statement& settings_statement();
Params settings_values(const Pool::Options& options, bool local);

}  // namespace gatecast::postgres
