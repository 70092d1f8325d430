// The published keys of one trusted issuer: fetched, cached, fetched again.
//
// Place: under TrustedVerifier, over outbound. Threads: `keys`, `may_fetch` any (a lock is held to copy one pointer);
// `refreshed` is awaited on any loop, the fetch runs on the loop that asked first; `start`, `stop` on one loop.
// Lifetime: `stop` is awaited before destruction. A set is immutable: a new one takes its place as a whole.
// How: every ten minutes, or when Cache-Control says so (one minute to one hour); a minute after a failure; and when a
// token names an unknown key, at most once in 30 s. While the issuer does not answer, the old set stands for 24 h.
// Bounds: 256 KB, 64 keys, 1024 tokens waiting for one fetch. Errors: logged and counted; `keys` is then the old set.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/task.hpp"
#include "outbound/outbound.hpp"
#include "token/jwk.hpp"

namespace gatecast::token {

inline constexpr Duration kFetchPauseMin = std::chrono::seconds{30};
inline constexpr std::chrono::hours kKeySetLife{24};

class KeySet {
 public:
  using Keys = std::vector<ForeignKey>;

  KeySet(std::string name, std::string url, outbound::Outbound& outbound, const Clock& clock);
  ~KeySet();
  KeySet(const KeySet&) = delete;
  KeySet& operator=(const KeySet&) = delete;

  /// Null before the first success, and a day after the last.
  std::shared_ptr<const Keys> keys() const;
  /// Whether `refreshed` would wait for news.
  bool may_fetch() const;
  /// Asks for a fetch within seconds, from where one cannot be waited for. Any thread.
  void want() { wanted_.store(true, std::memory_order_relaxed); }
  /// Ends when a fetch has ended: the one under way, or one begun here where the last began 30 s ago or earlier.
  Task<void> refreshed();

  /// Fetches now and then on this loop; begun twice it goes on.
  void start(Loop& loop);
  /// No fetch begins any more; ends when one under way has ended.
  Task<void> stop();
  /// Since the last success; a day and more: there are no keys.
  std::chrono::seconds age() const;

 private:
  void tick();
  bool begin(bool wanted);
  Task<void> fetch();
  Result<Duration> take(const Result<outbound::Reply>& reply);
  void finish(const Result<Duration>& outcome);

  const std::string name_;
  const std::string url_;
  outbound::Outbound& outbound_;
  const Clock& clock_;

  mutable std::mutex mutex_;  // over all below
  std::shared_ptr<const Keys> keys_;
  SteadyTime fetched_{};  // last success; that of construction before
  SteadyTime begun_{};
  SteadyTime due_{};
  bool ever_begun_ = false;
  bool fetching_ = false;
  bool stopped_ = false;
  std::vector<Resume<bool>> waiting_;

  std::atomic<bool> wanted_{false};
  Loop* loop_ = nullptr;  // of `start`
  Loop::TimerId timer_ = 0;
};

/// What Cache-Control says of a reply's life: one minute to one hour; ten minutes where it says nothing.
Duration key_set_life(std::string_view cache_control);

}  // namespace gatecast::token
