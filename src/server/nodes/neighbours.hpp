// What this node tells the others unasked, and what it does about their word: events to look for, grants that changed,
// facts about itself.
//
// Place: between broker::Nodes and what Server has: the event bell, grants. Word only says what to read again. Owner:
// Server, where there are other nodes. Threads: `grant_changed`, `received`, `missed` from any; the rest on shard 0.
// While this node is out of touch, or may have missed word, what it holds of grants in memory counts for nothing: it is
// read anew, and open subscriptions are judged again. Lifetime: `stop` is awaited before destruction.
// Bounds: word of events once kGather; grants kUsersAWord a message.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "broker/nodes.hpp"
#include "broker/publication.hpp"
#include "server/services.hpp"

namespace gatecast::server {

class Neighbours {
 public:
  static constexpr Duration kGather = std::chrono::milliseconds{20};
  static constexpr std::size_t kUsersAWord = 1000;

  /// Before Nodes starts.
  Neighbours(Services& services, broker::Nodes& nodes);

  /// Heartbeats, and word from now on.
  void start(Loop& loop);
  /// Once the bell is closed.
  Task<void> stop();

  /// A commit of this process changed what the user holds; `gone`: something was taken away. `version` 0: all of it.
  void grant_changed(const std::string& user_id, std::uint64_t version, bool gone);
  /// A publication on a user's own channel has come from the broker.
  void received(const broker::Publication& publication);
  /// Some of those of that channel may never come.
  void missed(std::string_view channel);
  /// What its store last said of its history.
  std::string history() const;

 private:
  struct Changed {
    std::string user_id;
    std::uint64_t version = 0;
    bool gone = false;
  };

  Task<Result<std::string>> hear_events();
  Task<Result<std::string>> hear_grants(std::string body);
  void tell_grants();
  void changed_elsewhere(const Changed& change);
  void doubt_grants();
  Task<void> pass_on_events();
  Task<void> pause(Duration time);
  void tick();
  Task<void> ask_history();

  Services& services_;
  broker::Nodes& nodes_;
  std::atomic<Loop*> loop_{nullptr};
  bool stopping_ = false;
  std::uint64_t heard_ = 0;   // rings of the bell that came from others
  mutable std::mutex mutex_;  // over the next three
  std::vector<Changed> untold_;
  bool telling_ = false;
  std::string history_;
  Loop::TimerId tick_ = 0;
  Loop::TimerId doubt_ = 0;
  unsigned ticks_ = 0;
  unsigned running_ = 0;  // tasks
  std::optional<Resume<bool>> stopped_;
};

}  // namespace gatecast::server
