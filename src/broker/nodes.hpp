// The nodes of one deployment, as one of them sees the others: who is there, word to all, questions to all or one.
//
// Place: under server; adapters/redis implements it, MemoryNodes joins several in one process for tests; without a
// shared broker there is none. What comes in this way carries no authority over sessions: it says what to read again.
// Threads: `tell`, `ask`, `all` from any loop's thread; handlers run on the loop of `start`. Lifetime: `on` before
// `start`; after `stop` no handler runs and every question has been answered.
// Bounds: a message kMessageBytesMax; 256 nodes; a question its deadline. Word of which the broker loses a part is lost
// (`on_lost` says that this may have happened). Errors: temporarily_unavailable, overloaded, body_too_large.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "core/task.hpp"

namespace gatecast::broker {

struct NodeInfo {
  std::string id;      // a UUID, of this run of the process
  std::string name{};  // configured, or the host's
  std::string version{};
  std::string facts{};  // one JSON object: what this node says of itself (fingerprints of keys, counts)
  Duration heard{};     // ago; zero for this node
};

struct NodeAnswer {
  std::string node;
  Result<std::string> body;
};

class Nodes {
 public:
  static constexpr std::size_t kMessageBytesMax = 1u << 20;
  static constexpr Duration kHeartbeatEvery = std::chrono::seconds{1};
  /// A node that has not been heard of for so long is gone.
  static constexpr Duration kGoneAfter = std::chrono::seconds{5};

  /// Answers a question, or hears a word (what it gives then is dropped). Errors become the asker's.
  using Handler = std::function<Task<Result<std::string>>(std::string from, std::string body)>;

  virtual ~Nodes() = default;

  /// Who answers messages of this kind; one that has no handler is `not_available` to who asks, and otherwise ignored:
  /// a newer node may send it.
  virtual void on(std::string kind, Handler handler) = 0;
  /// Called when a node has come or gone, and where word may have been lost.
  virtual void on_change(std::function<void()> fn) = 0;
  virtual void on_lost(std::function<void()> fn) = 0;
  /// `facts` is asked before each heartbeat.
  virtual void start(Loop& loop, std::function<std::string()> facts) = 0;
  virtual Task<void> stop() = 0;

  /// To every other node.
  virtual void tell(std::string kind, std::string body) = 0;
  /// Of every other node that is there, or of `node` alone; who does not answer in time has temporarily_unavailable.
  virtual Task<std::vector<NodeAnswer>> ask(std::string kind, std::string body, Duration at_most,
                                            std::string node = {}) = 0;
  /// This node first, then the others by name.
  virtual std::vector<NodeInfo> all() const = 0;
  /// Whether word that was sent has lately come back.
  virtual bool in_touch() const = 0;
};

}  // namespace gatecast::broker
