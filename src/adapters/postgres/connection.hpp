// One connection to PostgreSQL in pipeline mode: a batch of statements is one round trip.
//
// Place: owned by Pool, which makes the libpq connection elsewhere (connecting waits for DNS) and hands it over.
// Threads: the store's loop. One batch is under way at a time. Statements are prepared once per connection, unless a
// pooler gives each transaction another one. Lifetime: the object outlives what it holds; it may be closed and adopt
// anew.
// Errors: store_failed; its detail has the statement's name and SQLSTATE, never a value. `failure` says more. A
// connection that was lost, or is of no more use (a server that became read-only), is closed.
#pragma once

#include <coroutine>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "adapters/postgres/rows.hpp"
#include "adapters/postgres/statement.hpp"
#include "core/result.hpp"
#include "core/task.hpp"
#include "net/epoll_loop.hpp"

struct pg_conn;

namespace gatecast::postgres {

struct PgConnClose {
  void operator()(pg_conn* conn) const;
};
using PgConn = std::unique_ptr<pg_conn, PgConnClose>;

/// libpq's words, on one line.
std::string one_line(std::string_view text);

/// Why the last batch failed.
struct Failure {
  std::string sqlstate{};    // empty: none, or the connection went away without a word
  std::string constraint{};  // the one that was broken
  bool lost = false;         // the connection is gone: whether the statements took effect is not known
  bool timed_out = false;
  Duration unheard{};  // lost by the deadline: for so long nothing came

  /// Another transaction was in the way: the same again may succeed.
  bool in_the_way() const { return sqlstate == "40001" || sqlstate == "40P01"; }
  bool broke(std::string_view name) const { return constraint == name; }
};

class Connection final : public net::Ready {
 public:
  Connection(net::EpollLoop& loop, bool prepared) : loop_(loop), prepared_(prepared) {}
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Takes a connection that libpq has established; false where the loop cannot watch it.
  bool adopt(PgConn conn);
  void close();
  bool is_open() const { return conn_ != nullptr; }
  /// Between BEGIN and its end, failed or not.
  bool in_transaction() const;

  /// Sends all, waits for all answers. Where one failed the others have no effect, unless they stand behind BEGIN.
  Task<Result<std::vector<Rows>>> run(Batch batch, SteadyTime deadline);
  /// Of the last batch.
  const Failure& failure() const { return failure_; }
  /// A warning came with the last batch: a COMMIT that came with one is not where it should be.
  bool warned() const { return warned_; }

  /// Told when an idle connection goes away.
  void when_lost(std::function<void()> fn) { when_lost_ = std::move(fn); }

 private:
  /// A command that libpq will give results of.
  struct Expected {
    const Statement* statement;
    bool preparing;
  };
  struct Answered;  // awaits the end of the batch

  void on_ready(std::uint32_t events) override;
  /// False: the connection is lost.
  bool send(const Batch& batch);
  bool send_item(const Batch::Item& item);
  bool flush();
  void read_results();
  void take_result(pg_result* result);
  void take_error(const pg_result* result, const Expected& from);
  void lose(std::string why);
  void finish();
  static void on_notice(void* self, const pg_result* result);

  net::EpollLoop& loop_;
  const bool prepared_;
  PgConn conn_;
  int fd_ = -1;
  std::uint32_t watched_ = 0;
  std::unordered_set<std::uint64_t> known_;      // statements prepared on it
  std::unordered_set<std::uint64_t> preparing_;  // in this batch
  std::function<void()> when_lost_;

  // The batch under way.
  bool busy_ = false;
  bool warned_ = false;
  SteadyTime heard_{};  // when it was sent, or when the last of it came
  std::vector<Expected> expected_;
  std::size_t next_ = 0;
  std::vector<Rows> rows_;
  std::optional<Error> error_;
  Failure failure_;
  bool spent_ = false;  // close it when the batch is over
  Loop::TimerId timer_ = 0;
  std::coroutine_handle<> waiting_;
};

}  // namespace gatecast::postgres
