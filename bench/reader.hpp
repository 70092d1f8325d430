// A Load in a process of its own, so that neither its time nor its descriptors count among the benchmark's.
//
// Place: one beside the floor and one beside the server, alike. The benchmark talks to it through a socket pair: how
// many frames to wait for; it answers when they are there. Between two waits it goes on reading and answering pings.
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

 private:
  struct Request {
    char kind;
    std::uint64_t target;
  };
  struct Answer {
    std::uint64_t received;
    Latency latency;
  };
  [[noreturn]] static void run(const LoadOptions& options, int control);
  Answer ask(Request request, int seconds);

  pid_t pid_ = -1;
  int control_ = -1;
  std::uint64_t seen_ = 0;
};

}  // namespace gatecast::bench
