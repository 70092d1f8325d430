// What several nodes share of channels: publications, histories, positions, presence.
//
// Place: under the hub; a shard has one, and asks it for the channels whose home the shard is. MemoryBroker (tests, and
// the model of what is right) and adapters/redis implement it, under one suite (broker/contract.hpp). Without one the
// hub keeps everything itself. Threads: its shard; `done` and the Receiver are called there, never inside the call.
// Lifetime: `start` before anything else; after `stop` nothing is called any more. Every `done` is called once, unless
// the broker is stopped.
// Errors: `temporarily_unavailable` where the broker is out of touch (a publication may then have landed or not),
// `overloaded` where its queue is full, `publication_unconfirmed` (durable; it stands on one server at least),
// unrecoverable_position, bad_request. Bounds: commands waiting and their bytes; one command's time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/presence.hpp"
#include "broker/publication.hpp"
#include "broker/streams.hpp"
#include "core/result.hpp"

namespace gatecast::broker {

template <class T>
using Done = std::move_only_function<void(Result<T>)>;

/// The hub's side. Of one channel publications come in the order of their offsets as long as nothing is lost; one may
/// come twice.
class Receiver {
 public:
  virtual ~Receiver() = default;
  /// A publication, join or leave of a channel that is listened to. Offset 0: no history is kept of it.
  virtual void on_publication(PublicationRef publication) = 0;
  /// Publications of the channel may have been missed up to here, and will not be from here on: the connection was lost
  /// and stands again, a slot has moved, another server has taken over. The history knows what they were.
  virtual void on_interrupted(std::string_view channel) = 0;
};

/// Of one publication.
struct PublishOptions {
  HistoryOptions history{};
  bool durable = false;  // done once a replica has it too
  /// The same publication under the same key within `kIdempotent` is not published again and gives the same place.
  std::string idempotency_key{};  // empty: none; of one channel
};
inline constexpr std::chrono::minutes kIdempotent{5};

class Broker {
 public:
  virtual ~Broker() = default;

  virtual void start(Receiver& receiver) = 0;
  virtual void stop() = 0;

  /// From `done` on the receiver gets what is published behind the position it gives. `kept`: the channel has a
  /// history, so that the position means something; otherwise it is {0, 0}. Where the broker is out of touch it is done
  /// once it is back, or fails after the command's time.
  virtual void listen(std::string_view channel, bool kept, Done<StreamPosition> done) = 0;
  virtual void unlisten(std::string_view channel) = 0;

  /// Numbers the publication, keeps it and passes it to every node that listens, in one step. Gives its place; {0, 0}
  /// without a history. One whose version is passed over gives where the stream stands.
  virtual void publish(std::shared_ptr<const Publication> publication, PublishOptions options,
                       Done<StreamPosition> done) = 0;
  /// Errors: those of Streams::read.
  virtual void history(std::string_view channel, HistoryQuery query, Done<HistoryPage> done) = 0;
  /// All after `since`, or recovered:false where that is not all there. Where they are more than `most`, the oldest
  /// `most` come, recovered as well: the last one's offset is below `top`, and who wants the rest asks on. A position
  /// of before a change of servers is known as long as what it stands for is what the present server has.
  virtual void recover(std::string_view channel, StreamPosition since, std::uint32_t most, Done<Recovered> done) = 0;
  /// Removes the publications; the position stays.
  virtual void clear(std::string_view channel, Done<void> done) = 0;

  /// Enters somebody into the channel's presence (where `listed`) for as long as this node lives, and tells everyone
  /// who listens (where `told`). Presence that cannot be entered now is entered once the broker is back.
  virtual void enter(std::string_view channel, ClientInfoRef who, bool listed, bool told) = 0;
  virtual void leave(std::string_view channel, ClientInfoRef who, bool listed, bool told) = 0;
  virtual void presence(std::string_view channel, std::size_t most, Done<std::vector<ClientInfoRef>> done) = 0;
  virtual void presence_count(std::string_view channel, Done<PresenceCount> done) = 0;

  /// Whether it has proved lately that what is published arrives.
  virtual bool in_touch() const = 0;
};

}  // namespace gatecast::broker
