// What went on lately: the counters of some moments of the last minutes, for `/stats` and the log's summary line.
//
// Place: between the metrics, which only rise, and who asks how much a minute. Owner: Server. Threads: `start` and the
// looks on the first shard, `lately` on any. Bounds: kLooks counts. The summary's interval (log.summary) is read at
// each look, so that a reload changes it.
#pragma once

#include <deque>
#include <mutex>

#include "core/clock.hpp"
#include "core/loop.hpp"

namespace gatecast::server {

struct Services;

struct Counts {
  std::uint64_t messages_in = 0;
  std::uint64_t messages_out = 0;
  std::uint64_t publications = 0;
  std::uint64_t connects = 0;
  std::uint64_t disconnects = 0;
  std::uint64_t signins = 0;
  std::uint64_t auth_failures = 0;
  std::uint64_t refusals = 0;
  std::uint64_t errors = 0;  // failures of the store, and lines of level error

  Counts since(const Counts& earlier) const;
};
Counts counted_now();

class Figures {
 public:
  static constexpr Duration kLook = std::chrono::seconds(5);
  static constexpr std::size_t kLooks = 60;
  static constexpr Duration kMinute = std::chrono::minutes(1);

  explicit Figures(Services& services) : services_(services) {}
  /// Begins to look; on the loop's thread. Ends with the loop.
  void start(Loop& loop);

  /// What was counted in the last five minutes, and how long that was: from the start where that is later. A start
  /// less than a minute ago counts as a minute, or a single message would make a rate.
  struct Lately {
    Counts counts{};
    double minutes = 1;
    double a_minute(std::uint64_t count) const { return static_cast<double>(count) / minutes; }
  };
  Lately lately(SteadyTime now) const;

 private:
  struct Look {
    SteadyTime at{};
    Counts counts{};
  };
  void look(Loop& loop);
  void again(Loop& loop);
  void summarize(SteadyTime now, const Counts& counts);

  Services& services_;
  mutable std::mutex mutex_{};
  std::deque<Look> looks_{};
  Look summarized_{};
};

}  // namespace gatecast::server
