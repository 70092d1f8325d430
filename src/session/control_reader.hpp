// Reads the control log in order, again and again, and gives every row once.
//
// Place: between the store and Sessions. Threads: one loop's; reads do not overlap. Each read starts again from the end
// of a minute ago: with several writers a lower number may become visible after a higher one.
// Bounds: rows of the last minute are remembered by number, at most `remembered_max`; over it the minute gets shorter.
// Errors: the store's; what was read before one counts as read.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <set>

#include "core/clock.hpp"
#include "store/store.hpp"

namespace gatecast::session {

class ControlReader {
 public:
  struct Options {
    Duration overlap = std::chrono::seconds{60};
    std::uint32_t page_rows = 1000;
    std::size_t remembered_max = 65'536;
  };
  using Sink = std::function<void(const store::ControlRow&)>;

  ControlReader(store::Store& store, const Clock& clock) : ControlReader(store, clock, Options{}) {}
  ControlReader(store::Store& store, const Clock& clock, Options options)
      : store_(store), clock_(clock), options_(options) {}

  /// Takes the log's present end as the place to start from, less one page.
  Task<Result<void>> start();
  /// Reads to the end; `sink` gets the rows it has not had.
  Task<Result<void>> read(Sink sink);

 private:
  /// Up to `seq` the log had been read at `at`.
  struct Mark {
    SteadyTime at;
    std::uint64_t seq;
  };
  void forget_before(SteadyTime at);
  void bound_memory();

  store::Store& store_;
  const Clock& clock_;
  const Options options_;
  std::deque<Mark> marks_;        // by time and by seq; the first is where reads start
  std::set<std::uint64_t> seen_;  // rows above the first mark
};

}  // namespace gatecast::session
