// A Load in a process of its own, so that neither its time nor its descriptors count among the benchmark's.
//
// Place: one beside the floor and one beside the server, alike. The benchmark talks to it through a socket pair: what
// to do or to wait for; it answers when that is so. Between two requests it goes on reading and answering pings.
// Threads: one request under way; `begin_…` sends one, `end` awaits it, so that several readers work side by side.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "bench/load.hpp"

namespace gatecast::bench {

struct Latency {
  std::uint64_t samples = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double max_ms = 0;
};

class Reader {
 public:
  /// Forks: only while this process has one thread.
  explicit Reader(LoadOptions options);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// Returns when all connections are open and subscribed.
  void wait_open();
  /// Returns when `more` frames came since the last wait's end, or dies after `seconds`.
  void wait_for(std::uint64_t more, int seconds = 60);
  /// Of the samples since the last call.
  Latency latency();

  /// Each connection says its echo so often, one after another.
  void echo(std::size_t times);
  /// Resets all connections; they are opened again by `begin_open` and `end_open`.
  void abort_all();
  void begin_open();
  /// When the last had its replies.
  std::int64_t end_open();
  /// Returns when the other side has closed every connection.
  void wait_closed();
  /// Of connections that came back; with `remembers`.
  Returned returned();
  /// Returns when every connection stands at `offset` of its channel; with `remembers`.
  void wait_standing_at(std::uint64_t offset);

 private:
  enum class Kind : std::uint8_t { none, frames, latency, echo, abort, open, closed, returned, standing };
  struct Request {
    Kind kind;
    std::uint64_t value;
  };
  struct Answer {
    std::uint64_t received;
    Latency latency;
    Returned returned;
    std::int64_t at_ns;
  };
  [[noreturn]] static void run(const LoadOptions& options, int control);
  static bool fulfilled(const Request& request, const Load& load);
  void begin(Request request);
  Answer end(const char* what, int seconds);
  Answer ask(Request request, const char* what, int seconds = 60);

  pid_t pid_ = -1;
  int control_ = -1;
  std::uint64_t seen_ = 0;
};

}  // namespace gatecast::bench
