// A Redis deployment – one server, a master that Sentinel names, or a cluster – as one loop uses it.
//
// Place: under the broker, cache and nodes of this folder; each has its own. Two connections a server: one for
// commands, one for topics, so that neither waits for the other, and one more where something durable is written.
// Commands of a turn leave together and are answered in order. What is lost is found again without being asked:
// connections, the master, slots, topics, scripts. Threads: its loop's; `done` and the listener are called there, never
// inside the call. Lifetime: nothing is called after `stop`, not even `done`. Bounds: Options. Errors:
// temporarily_unavailable (out of touch, too late, or cut; what was sent may have landed), overloaded (queue full,
// nothing was sent).
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "adapters/redis/value.hpp"
#include "core/clock.hpp"
#include "core/result.hpp"
#include "core/service_url.hpp"
#include "metrics/labels.hpp"
#include "net/epoll_loop.hpp"

namespace gatecast::redis {

/// An answer of the server; one that refuses is a Value of kind error.
using ReplyDone = std::move_only_function<void(Result<Value>)>;
using Texts = std::span<const std::string_view>;

/// Lua, sent by its hash; a server that does not know it gets the source. Outlives the client.
class Script {
 public:
  explicit Script(std::string_view source);
  std::string_view source() const { return source_; }
  std::string_view sha1() const { return sha1_; }

 private:
  std::string source_;
  std::string sha1_;
};

class TopicListener {
 public:
  virtual ~TopicListener() = default;
  virtual void on_message(std::string_view topic, std::string_view payload) = 0;
  /// From here on what is published to the topic arrives: once after `listen`, and again whenever messages may have
  /// been missed before it.
  virtual void on_subscribed(std::string_view topic) = 0;
};

class Client {
 public:
  struct Options {
    ServiceUrl url;
    std::string ca_file{};
    std::string name{};    // shown by CLIENT LIST
    std::string prefix{};  // of the topic of probes (a user of Redis may be held to a prefix)
    metrics::RedisRole role = metrics::RedisRole::broker;
    bool topics = true;  // without them there is no connection for topics, and a PING is the probe
    Duration deadline = std::chrono::seconds{2};
    std::size_t queue_commands = 65'536;
    std::size_t queue_bytes = 64u << 20;
    std::size_t reply_bytes = 64u << 20;  // of one answer
  };
  /// Error: config_invalid (the URL).
  static Result<std::unique_ptr<Client>> make(net::EpollLoop& loop, Options options);
  virtual ~Client() = default;

  virtual void start() = 0;
  virtual void stop() = 0;

  /// To the server that has `key` (in a cluster; elsewhere there is one). The texts are copied.
  virtual void command(std::string_view key, Texts args, ReplyDone done) = 0;
  /// `keys` are of one slot.
  virtual void run(const Script& script, Texts keys, Texts args, ReplyDone done) = 0;
  /// The same, and waits until a replica has it. Error beside the others: publication_unconfirmed.
  virtual void run_durable(const Script& script, Texts keys, Texts args, Duration wait, ReplyDone done) = 0;

  /// At most one listener a topic. Topics of a cluster are sharded: publish with `publish_verb` to a server that has
  /// the topic as key.
  virtual void listen(std::string topic, TopicListener& listener) = 0;
  virtual void unlisten(std::string_view topic) = 0;
  /// PUBLISH, or SPUBLISH in a cluster.
  virtual std::string_view publish_verb() const = 0;

  /// Whether all servers answered lately, and on every topic connection a message sent as a probe has come back.
  virtual bool in_touch() const = 0;
  /// Why not, for the log: "refused: 127.0.0.1:6379".
  virtual std::string trouble() const = 0;
  /// Refused for a reason that does not pass by itself (wrong password, no rights, an old version, not a cluster);
  /// empty: none known.
  virtual std::string refusal() const = 0;
};

}  // namespace gatecast::redis
