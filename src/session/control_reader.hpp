// Reads the control log in order, again and again, and gives every row once.
//
// Place: between the store and Sessions. Threads: one loop's; reads do not overlap. With several writers a lower number
// may become visible after a higher one. So a read asks for what is behind the highest number and for each number that
// was skipped in the last minute; a full one starts again from the end of a minute ago, whatever it knows of that.
// What was committed before a read began is therefore given in that read.
// Bounds: rows of the last minute are remembered by number, at most `remembered_max`; over it the minute gets shorter.
// kHolesMax ranges of skipped numbers, over it the oldest goes. Errors: the store's; what was read before one counts.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>

#include "core/clock.hpp"
#include "store/store.hpp"

namespace gatecast::session {

class ControlReader {
 public:
  static constexpr std::size_t kHolesMax = 1024;
  /// Over so many ranges of skipped numbers, one read from the first of them costs less than a look into each.
  static constexpr std::size_t kLooksMax = 8;

  struct Options {
    Duration overlap = std::chrono::seconds{60};
    Duration full_every{};  // zero: every read is a full one
    std::uint32_t page_rows = 1000;
    std::size_t remembered_max = 65'536;
  };
  using Sink = std::function<void(const store::ControlRow&)>;
  enum class Read : std::uint8_t {
    reached,  // the end
    rewound,  // a row that was there is there no more: the data was set back, `start` is needed
  };

  ControlReader(store::Store& store, const Clock& clock) : ControlReader(store, clock, Options{}) {}
  ControlReader(store::Store& store, const Clock& clock, Options options)
      : store_(store), clock_(clock), options_(options) {}

  /// Takes the log's present end as the place to start from, less one page, and forgets what it knew.
  Task<Result<void>> start();
  /// Reads to the end; `sink` gets the rows it has not had, and those whose number it has had with another content.
  Task<Result<Read>> read(Sink sink);

 private:
  /// Up to `seq` the log had been read at `at`.
  struct Mark {
    SteadyTime at;
    std::uint64_t seq;
  };
  /// Numbers that were skipped when a higher one was seen.
  struct Hole {
    std::uint64_t from, to;
    SteadyTime since;
  };

  /// Gives the number of the last row, or `after` where there was none.
  Task<Result<std::uint64_t>> read_from(std::uint64_t after, const Sink& sink, SteadyTime began);
  Task<Result<void>> look_into_holes(const Sink& sink, SteadyTime began);
  void take(const store::ControlRow& row, const Sink& sink, SteadyTime began);
  void fill(std::uint64_t seq);
  void forget_before(SteadyTime at);
  void bound_memory();

  store::Store& store_;
  const Clock& clock_;
  const Options options_;
  std::uint64_t top_ = 0;                      // the highest number seen
  std::deque<Mark> marks_;                     // by time and by seq; the first is where full reads start
  std::map<std::uint64_t, std::size_t> seen_;  // rows above the first mark: number and what the row said
  std::deque<Hole> holes_;                     // by number
  std::optional<SteadyTime> full_at_;          // of the last full read that succeeded
};

}  // namespace gatecast::session
