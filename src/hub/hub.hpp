// One shard's slice of the real-time traffic: its channels and clients, and this shard's part as home of channels.
//
// Every channel has one home shard, hash(name) mod shards. A publication goes to the home, which passes it to each
// shard that has subscribers; a shard with its first subscriber registers at the home by one message, and publications
// follow the home's answer in the same lane, so nothing falls between. Order: per channel, as the home took them.
// The home also keeps the channel's history and presence, or has them of the broker that several nodes share
// (SharedHomes). Where a history is kept, publications have offsets: a shard that sees a hole asks its home for what
// was lost, and only where that is not kept any more are subscribers told.
//
// Place: server's connections and API call it; it knows no sockets: bytes leave through Client::write. Threads: its
// shard; `Mesh` carries the messages to the others. Lifetime: outlives its clients. Bounds: Limits; a turn sends to at
// most 512 clients or for 2 ms and goes on in the next. Errors: overloaded where a mailbox is full, limit_exceeded,
// already_subscribed, queues_full; with a broker those of it.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/presence.hpp"
#include "broker/streams.hpp"
#include "core/loop.hpp"
#include "core/result.hpp"
#include "core/shard.hpp"
#include "core/task.hpp"
#include "hub/channel.hpp"
#include "hub/client.hpp"
#include "hub/shared_homes.hpp"

namespace gatecast::hub {

class Hub;

/// The hubs of all shards and the way between them.
struct Mesh {
  std::vector<Hub*> hubs;
  std::function<void(unsigned shard, Loop::Fn)> post_control;
  std::function<bool(unsigned shard, std::size_t bytes, Loop::Fn)> post_data;
};

/// Counts of one shard since its start; read by the shard that owns them.
struct HubStats {
  std::uint64_t publications = 0;  // taken as home
  std::uint64_t deliveries = 0;    // frames put into an outbox or taken from a log by the kernel
  std::uint64_t bytes_out = 0;
  std::uint64_t writes = 0;  // system calls
  std::uint64_t short_writes = 0;
  std::uint64_t slow = 0;
  std::uint64_t gapped = 0;       // publications refused by a full mailbox
  std::uint64_t refilled = 0;     // publications that the home sent again after that
  std::uint64_t recovered = 0;    // subscribers that got what they had missed
  std::uint64_t unrecovered = 0;  // subscribers that could not
  std::uint64_t deltas = 0;       // publications made a difference, once a shard
  std::uint64_t withheld = 0;     // deliveries that a filter spared
  std::uint64_t busy = 0;         // recoveries refused because too much waits to be sent
};

class Hub {
 public:
  struct Limits {
    std::size_t queue_bytes = 1u << 20;     // of one client
    std::size_t queued_bytes = 128u << 20;  // of all clients of the shard; over it nothing kept is read for them
    std::size_t log_bytes_channel = 8u << 20;
    std::size_t log_bytes_shard = 64u << 20;
    std::size_t channels = 128;  // of one client
    unsigned turn_clients = 512;
    Duration turn_time = std::chrono::milliseconds(2);
    broker::Streams::Limits streams{};
    std::size_t presence_entries = 1'000'000;
    std::size_t refill_bytes = 1u << 20;  // of one answer to a shard that lost something; the rest is asked for again
    SharedLimits shared{};                // with a broker
  };

  /// `seed` makes the epochs of histories: random, the same for all shards. `broker`: has the channels that nodes
  /// share, one a shard; null: they are all here.
  Hub(unsigned shard, Mesh& mesh, Limits limits, const Clock& clock, std::uint64_t seed = 0,
      broker::Broker* broker = nullptr);
  ~Hub();
  /// The calling thread becomes the shard's.
  void bind() { check_.bind(); }
  /// With a broker: it is listened to from here on, until `stop_shared`. On the shard.
  void start_shared();
  void stop_shared();
  /// Ten times a second or so, with a broker.
  void tend();
  /// Null without a broker.
  const SharedHomes* shared() const { return shared_.get(); }
  /// `fn` is called at the home for each publication of a personal channel that comes from the broker, before it is
  /// handed out; `missed` where some of such a channel are lost to this node, or may be. Before `start_shared`.
  void on_received(std::function<void(const broker::Publication&)> fn);
  void on_missed(std::function<void(std::string_view channel)> fn);

  /// Subscribes `client`; `done` is called once, at once where the home is known, else when it has answered. A client
  /// that leaves before gets no call. Errors: already_subscribed (or waiting for it), limit_exceeded, overloaded.
  void subscribe(Client& client, std::string_view channel, SubscribeOptions options, SubscribeDone done);
  /// Ends the subscription; what was published before stays queued. Returns false where there was none; one that still
  /// waits for its home is none yet, and comes to stand.
  bool unsubscribe(Client& client, std::string_view channel);
  bool subscribed(const Client& client, std::string_view channel) const;
  /// The names of the client's channels.
  std::vector<std::string> channels_of(const Client& client) const;
  /// What waits to be sent to the client: its outbox, and what it has not read of its channels' logs.
  std::size_t queued_bytes(const Client& client) const { return unread(client); }
  /// Takes the client out of everything; it gets nothing more.
  void forget(Client& client);
  /// Stops deliveries to a client that is closing: takes it out of its channels, keeps its outbox.
  void mute(Client& client, bool keep_pending);
  /// Drops what is queued, but for the rest of a torn frame, or of the torn run of frames that an ended subscription
  /// left (at most a segment).
  void drop_queue(Client& client);

  /// Publishes through the channel's home, which keeps it as `history` says; resumes here. Errors: overloaded.
  Task<Result<broker::StreamPosition>> publish(std::shared_ptr<broker::Publication> publication,
                                               broker::PublishOptions options = {});
  /// Whether the channel's home is here and has no broker to ask: what is published then is published at once.
  bool is_home(std::string_view channel) const { return shared_ == nullptr && home_of(channel) == shard_; }
  Result<broker::StreamPosition> publish_here(std::shared_ptr<broker::Publication> publication,
                                              broker::HistoryOptions history);
  /// The same on the home itself, whatever waits to be sent: for the server's own messages, bounded by who makes them.
  /// With a broker they wait while it is out of touch, and `then` is called once it has them.
  void publish_always(std::shared_ptr<broker::Publication> publication, broker::HistoryOptions history,
                      Pushes::Then then = {});
  /// The shard that numbers the channel's publications. Any thread.
  unsigned home_of(std::string_view channel) const;
  /// What the home keeps; resumes here. Errors: those of broker::Streams::read.
  Task<Result<broker::HistoryPage>> history(std::string channel, broker::HistoryQuery query);
  Task<Result<void>> clear_history(std::string channel);
  /// Enters a subscriber at the home (where `listed`), and tells those who see joins (where `told`).
  void enter(const std::string& channel, const broker::ClientInfoRef& who, bool listed, bool told);
  void leave(const std::string& channel, const broker::ClientInfoRef& who, bool listed, bool told);
  Task<Result<std::vector<broker::ClientInfoRef>>> presence(std::string channel, std::size_t most);
  Task<Result<broker::PresenceCount>> presence_count(std::string channel);
  /// Once a second or so: what is past its time goes.
  void tick();

  /// From here on what is sent to the client waits, until `release` sends `first` before it. Who is held has nothing of
  /// the channels sent; its queue's bound holds.
  void hold(Client& client);
  void release(Client& client, std::string_view first);

  /// Queues one complete frame (a reply, a push, a control frame) for the client.
  void send(Client& client, std::string_view frame);
  /// The same for one that several clients get.
  void send(Client& client, Slice frame);
  /// The same for the answer to a request, in one piece, which its maker bounds: it may be larger than the queue.
  void send_answer(Client& client, std::string_view answer);
  /// The kernel takes bytes of this client again.
  void writable(Client& client);

  /// Sends what is queued, within the turn's budget; returns true where something is left.
  bool flush();
  /// Whether so much waits in clients' outboxes that histories and presence are not read for them now.
  bool queues_full() const { return Outbox::all_bytes() > limits_.queued_bytes; }
  /// False while the logs are so full that no more should be taken in before they are sent.
  bool may_take_data() const { return log_bytes_ < limits_.log_bytes_shard / 2 && !channel_backlog_; }

  /// Channels this shard knows, as home or by a subscriber; over all shards the same one may be counted several times.
  std::size_t channel_count() const { return channels_.size(); }
  /// Channels with a subscriber on any shard whose home is here; over all shards each is counted once.
  std::size_t home_count() const { return home_count_; }
  std::size_t subscription_count() const { return subscription_count_; }
  std::size_t log_bytes() const { return log_bytes_; }
  /// Of the channels whose home is here.
  const broker::Streams& histories() const { return streams_; }
  const broker::Presence& present() const { return presence_; }
  const HubStats& stats() const { return stats_; }
  /// The histories of which this shard is the home, as bytes, and back from those of all shards: before the first
  /// client and after the last. False: the bytes are none of ours.
  std::string save_streams() const { return streams_.save(); }
  bool load_streams(std::string_view bytes) {
    return streams_.load(bytes, [this](std::string_view channel) { return home_of(channel) == shard_; });
  }
  /// Calls `fn(name, subscribers)` for every channel with subscribers here.
  void each_channel(const std::function<void(const std::string&, std::size_t)>& fn) const;
  /// Calls `fn(name)` for the channels that `home_count` counts.
  void each_home(const std::function<void(std::string_view)>& fn) const;

 private:
  friend class SharedHomes;
  struct ByName {
    using is_transparent = void;
    std::size_t operator()(std::string_view n) const { return std::hash<std::string_view>{}(n); }
    std::size_t operator()(const std::unique_ptr<Channel>& c) const { return (*this)(c->name.view()); }
    bool operator()(const std::unique_ptr<Channel>& a, const std::unique_ptr<Channel>& b) const {
      return a->name == b->name.view();
    }
    bool operator()(const std::unique_ptr<Channel>& a, std::string_view b) const { return a->name == b; }
    bool operator()(std::string_view a, const std::unique_ptr<Channel>& b) const { return b->name == a; }
  };

  Channel* find(std::string_view name) const;
  Channel& get(std::string_view name);
  void drop_if_unused(Channel& channel);

  // Subscribers (hub.cpp).
  void add(Channel& channel, Client& client, const SubscribeOptions& options, broker::PublicationRef holds = {});
  void remove(Client& client, std::size_t slot, bool keep);
  void remove_all(Client& client, bool keep);
  void remove_waiting(Client& client);
  void no_longer_waiting(Channel& channel) {
    if (channel.waiting.empty()) waited_for_.erase(&channel);
  }
  bool waits_for(const Client& client, std::string_view channel) const;
  void place(Channel& channel, std::size_t index, Channel::Subscriber s);
  void close_channel(Channel& channel);
  void start_log(Channel& channel);
  void stop_log(Channel& channel);
  void join_log(Channel& channel, Channel::Subscriber& s);
  void keep_pending(Channel& channel, Channel::Subscriber& s);

  // The home, and the way to it (home.cpp).
  void set_home_mask(Channel& channel, std::uint64_t mask);
  void ask_home(Channel& channel, bool kept);
  void leave_home(Channel& channel);
  void answer(const std::string& name, std::uint32_t registration, Result<broker::StreamPosition> position);
  void home_register(const std::string& name, unsigned from, std::uint32_t registration, bool kept);
  void admit(Channel& channel, unsigned from, std::uint32_t registration, broker::StreamPosition position);
  void refuse_registration(unsigned from, const std::string& name, std::uint32_t registration, Errc code);
  void home_unregister(const std::string& name, unsigned from);
  broker::StreamPosition home_publish(std::shared_ptr<broker::Publication> publication, broker::HistoryOptions history);
  void home_spread(const broker::PublicationRef& publication);
  Task<Result<broker::StreamPosition>> publish_shared(std::shared_ptr<broker::Publication> publication,
                                                      broker::PublishOptions options);
  void publish_shared_always(std::shared_ptr<broker::Publication> publication, broker::HistoryOptions history,
                             Pushes::Then then);
  void gap(const std::string& name, bool kept);
  /// `fn` on the hub of the channel's home, and its value here.
  template <class T, class F>
  Task<T> at_home(std::string_view channel, F fn) {
    check_.assert_here();
    const unsigned home = home_of(channel);
    if (home == shard_) co_return fn(*this);
    Mesh& mesh = mesh_;
    co_return co_await arrival<T>([&mesh, home, &fn](Resume<T> resume) {
      mesh.post_control(home, [hub = mesh.hubs[home], fn = std::move(fn), resume = std::move(resume)]() mutable {
        resume(fn(*hub));
      });
    });
  }
  /// `fn` on the hub of the channel's home.
  template <class F>
  void to_home(std::string_view channel, F fn) {
    const unsigned home = home_of(channel);
    if (home == shard_) return fn(*this);
    mesh_.post_control(home, [hub = mesh_.hubs[home], fn = std::move(fn)] { fn(*hub); });
  }

  /// `fn(broker, done)` on the hub of the channel's home, and what `done` gets here.
  template <class T, class F>
  Task<Result<T>> at_broker(std::string_view channel, F fn) {
    check_.assert_here();
    const unsigned home = home_of(channel);
    Hub* hub = mesh_.hubs[home];
    co_return co_await arrival<Result<T>>([this, home, hub, &fn](Resume<Result<T>> resume) {
      auto ask = [hub, fn = std::move(fn), resume = std::move(resume)]() mutable {
        fn(hub->shared_->broker(), [resume = std::move(resume)](Result<T> got) mutable { resume(std::move(got)); });
      };
      if (home == shard_) return ask();
      mesh_.post_control(home, std::move(ask));
    });
  }

  // What was missed (recovery.cpp).
  void ask_recovery(const std::string& name, std::uint32_t number, bool again = false);
  void home_recover(const std::string& name, unsigned from, std::uint32_t number, const broker::StreamPosition& since,
                    bool newest_only, const FilterRef& filter, bool at_once);
  void answer_recovery(unsigned from, const std::string& name, std::uint32_t number, Result<broker::Recovered> got);
  void recovery(const std::string& name, std::uint32_t number, Result<broker::Recovered> got);
  void ask_held(const std::string& name);
  void refill(Channel& channel);
  void home_refill(const std::string& name, unsigned from, std::uint32_t registration,
                   const broker::StreamPosition& since);
  void answer_refill(unsigned from, const std::string& name, std::uint32_t registration,
                     const broker::StreamPosition& since, broker::Recovered got);
  void refilled(const std::string& name, std::uint32_t registration, const broker::StreamPosition& since,
                const std::optional<broker::Recovered>& got);
  void spread_move(const Channel& channel, broker::StreamPosition to);
  void moved(const std::string& name, broker::StreamPosition to);
  void tell_gap(Channel& channel);

  // Filters and differences (apart.cpp).
  Channel::How enter_apart(Channel& channel, Client& client, const SubscribeOptions& options,
                           broker::PublicationRef holds);
  void leave_apart(Channel& channel, const Channel::Subscriber& s);
  void hand_out_apart(Channel& channel, const broker::PublicationRef& publication);
  std::string_view delta_for(const Apart& apart, const broker::Publication& publication);
  void put(Client& client, const Slice& frame);

  // Delivery (delivery.cpp).
  enum class News : std::uint8_t { slow, broken, drained };
  void deliver(const broker::PublicationRef& publication);
  bool follows(Channel& channel, const broker::Publication& publication);
  void hand_out(Channel& channel, const broker::PublicationRef& publication);
  void deliver_to_outboxes(Channel& channel, const broker::Publication& publication);
  void append_to_logs(Channel& channel, const broker::Publication& publication, std::string_view delta);
  void mark(Client& client);
  bool over_budget();
  void flush_client(Client& client, bool logs_too);
  std::size_t gather_logs(Client& client, iovec* parts, std::size_t max) const;
  void advance_logs(Client& client, std::size_t taken);
  void advance(Channel& channel, Channel::Subscriber& s, std::size_t taken);
  void after_write(Client& client, std::size_t offered, std::ptrdiff_t taken);
  void block(Client& client);
  bool pass_over(Channel& channel);
  void end_pass(Channel& channel);
  void free_passed(Channel& channel);
  void evict(Channel& channel, std::uint32_t log, std::size_t keep);
  void relieve();
  std::size_t unread(const Client& client) const;
  void bound_queue(Client& client);
  void doom(Client& client, News news);
  void tell_news();

  const unsigned shard_;
  Mesh& mesh_;
  const Limits limits_;
  const Clock& clock_;
  ShardCheck check_;
  boost::unordered_flat_set<std::unique_ptr<Channel>, ByName, ByName> channels_;
  boost::unordered_flat_set<Channel*> waited_for_;  // those whose home somebody waits for
  std::vector<Channel*> dirty_channels_;
  std::vector<Client*> dirty_clients_;
  std::vector<std::pair<Client*, News>> news_;  // told at the end of the turn
  std::string frame_;                           // scratch for encoding
  std::string delta_;                           // alike
  std::uint32_t last_registration_ = 0;
  std::uint32_t last_recovery_ = 0;
  std::size_t log_bytes_ = 0;
  bool channel_backlog_ = false;
  std::size_t subscription_count_ = 0;
  std::size_t home_count_ = 0;
  unsigned sent_this_turn_ = 0;
  SteadyTime turn_start_;
  HubStats stats_;
  broker::Streams streams_;    // of the channels whose home is here
  broker::Presence presence_;  // alike
  std::unique_ptr<SharedHomes> shared_;
};

}  // namespace gatecast::hub
