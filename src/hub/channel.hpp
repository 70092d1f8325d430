// A channel on one shard: its subscribers here, the log they read, and, where this shard is its home, which shards
// listen.
//
// Owner: the shard's hub; threads: that shard. With fewer than kLogFrom subscribers there is no log: frames go to the
// outboxes. Subscribers lie in one vector with their cursors, so that a fan-out walks memory in order.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/compact_text.hpp"
#include "core/result.hpp"
#include "hub/apart.hpp"
#include "hub/client.hpp"
#include "hub/few.hpp"
#include "hub/log.hpp"
#include "hub/subscribers.hpp"
#include "hub/subscription.hpp"

namespace gatecast::hub {

class Channel {
 public:
  /// From this many subscribers on a shard a log pays; below kLogUntil it is given up again.
  static constexpr std::size_t kLogFrom = 8;
  static constexpr std::size_t kLogUntil = 4;

  /// How publications reach a subscriber.
  enum class How : std::uint8_t {
    plain,
    filtered,  // those that fit its filter, by its outbox: `apart` has them
    fresh,     // takes differences and does not hold the newest publication: the next one comes whole, by its outbox
    delta,     // holds the newest publication: the next one may come as a difference
  };
  struct Subscriber {
    Client* client;
    std::uint64_t cursor;  // where there is a log: the next frame for it
    std::uint32_t slot;    // its place among the client's subscriptions
    std::uint16_t log;     // which of `logs`
    bool joins;            // it sees who comes and goes
    How how;
  };
  struct FormLog {
    const Form* form;  // null: of those who are served by their outboxes; it stays empty
    bool delta;        // of those who hold the newest publication
    Log log;
  };
  /// Who waits for the home's answer before its subscription stands.
  struct Waiting {
    Client* client;
    SubscribeOptions options;
    SubscribeDone done;
    std::uint32_t recovery = 0;  // the number of the recovery it asked the home for; 0: none
    bool held = false;           // its recovery is asked for again once this shard is whole
  };

  explicit Channel(std::string_view n) : name(n) {}

  bool logged() const { return logs != nullptr; }
  bool unused() const { return subscribers.empty() && waiting.empty() && home_mask == 0 && !listened; }

  // In this order it takes 96 bytes.
  const CompactText name;
  std::unique_ptr<std::vector<FormLog>> logs;
  std::unique_ptr<Apart> apart;  // where some subscribers have a filter or take differences
  Few<Waiting> waiting;
  std::uint64_t home_mask = 0;  // at home: the shards that have subscribers
  /// The newest publication that came here, where the channel keeps a history; every subscriber here stands there.
  broker::StreamPosition position{};
  [[no_unique_address]] Subscribers<Subscriber> subscribers;
  std::uint32_t registration = 0;  // the number of the registration at home; 0: none
  bool active : 1 = false;         // the home has answered it
  bool listened : 1 = false;       // at home, with a broker: the broker passes it on (SharedHomes has more)
  /// Whether the home was asked for what was lost on the way here, and whether more was lost since.
  enum class Refill : std::uint8_t { none, asked, again };
  Refill refill = Refill::none;
  bool dirty = false;      // in the hub's list of channels to flush
  bool again = false;      // frames came while the pass was under way
  std::uint32_t pass = 0;  // how far the pass over the subscribers has come
};

static_assert(sizeof(Channel) <= 96, "part of what an idle client costs: its personal channel");

}  // namespace gatecast::hub
