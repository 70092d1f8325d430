// One Redis server as a client uses it: a connection for commands, one for topics, one for what must be durable, and
// the probe that tells whether all of it works.
//
// Place: between the forms of Client (one link, or one a master of the cluster) and Connection. What is lost is opened
// again after 50 ms … 2 s. Commands wait for the first connection and through short interruptions, within their
// deadline; once the server has been away longer than a deadline they fail at once. The probe: once a second something
// is published on a topic of this link's own, and must arrive within 3 s, else both connections are made anew. Durable
// commands go in batches, each with one WAIT behind it. Threads, lifetime: as Client. Bounds: those of Client::Options
// for each link.
#pragma once

#include "adapters/redis/connection.hpp"

namespace gatecast::redis {

class Link final : private Connection::Owner {
 public:
  static constexpr Duration kProbeEvery = std::chrono::seconds{1};
  static constexpr Duration kProbeWithin = std::chrono::seconds{3};
  enum class Word : std::uint8_t { subscribed, left, refused };

  class Owner {
   public:
    virtual void on_reply(Link& from, Request request, Result<Value> value) = 0;
    /// Its touch may have changed.
    virtual void on_change(Link& from) = 0;
    /// A connection was lost, or did not come to be.
    virtual void on_lost(Link& from) = 0;
    /// It is no master, or no longer.
    virtual void on_not_master(Link& from) = 0;
    /// Topics may be subscribed from now on; those subscribed before are no longer.
    virtual void on_topics_up(Link& from) = 0;
    virtual void on_message(Link& from, std::string_view topic, std::string_view payload) = 0;
    virtual void on_topic(Link& from, std::string_view topic, Word word, std::string_view error) = 0;

   protected:
    ~Owner() = default;
  };

  Link(Shared& shared, Owner& owner);
  ~Link() { close(); }

  /// Connects, or leaves where it is connected and goes there.
  void go_to(const RedisAddress& address);
  /// Drops everything without a word.
  void close();
  const RedisAddress& address() const { return address_; }

  /// Parks it while there is no connection. What fails is told in a later turn.
  void send(Request request);
  bool topics_up() const { return topics_.ready(); }
  void subscribe(std::string topic) { change_topic(std::move(topic), true); }
  void unsubscribe(std::string topic) { change_topic(std::move(topic), false); }
  /// What the probe is published to; empty: nothing is to be proven of topics here.
  void probe_with(std::string topic);
  const std::string& probes() const { return probe_topic_; }
  /// What waits for a connection; for another server to do.
  std::vector<Request> take_parked();

  bool in_touch() const;
  /// Since when commands have been impossible; nothing while they are possible.
  std::optional<SteadyTime> down_since() const { return down_since_; }
  const std::string& trouble() const { return trouble_; }
  const std::string& refusal() const { return refusal_; }
  void refuse(std::string why) { refusal_ = std::move(why); }
  /// All its connections are made anew.
  void lose(const std::string& why);
  /// Called every `tick_every`.
  void tick();
  static Duration tick_every(Duration deadline);

 private:
  struct Batch {  // topics of one SUBSCRIBE or UNSUBSCRIBE
    std::vector<std::string> topics;
    bool subscribe;
    std::size_t confirmed = 0;
  };
  struct Durable {
    Request request;
    std::optional<Result<Value>> answer{};
  };

  void on_open(Connection& from) override;
  void on_lost(Connection& from, const std::string& why, bool for_good) override;
  void on_reply(Connection& from, Request request, Result<Value> value) override;
  void on_message(std::string_view topic, std::string_view payload) override;
  void on_push(Connection& from, Value push) override;
  void on_stray_error(Connection& from, const std::string& text) override;

  bool topics_wanted() const { return shared_.options.topics; }
  std::string_view verb(bool subscribe) const;
  std::string refusal_of(const Connection& from) const;
  void open_later(Connection& connection, Loop::TimerId& timer);
  Duration backoff();
  void fail_later(Request request, Errc code, std::string detail);
  void unpark();
  bool too_late(const Request& request) const;
  void expire(std::deque<Request>& parked);
  void change_topic(std::string topic, bool subscribe);
  void send_topics();
  void confirmed(std::string_view topic, bool subscribe);
  void subscribe_probe();
  void probe();
  void probe_failed(const Result<Value>& value);
  void probe_back();
  void send_durable();
  void finish_durable(Result<Value> waited);

  Shared& shared_;
  Owner& owner_;
  RedisAddress address_{};
  Connection commands_;
  Connection topics_;
  Connection durable_;
  Loop::TimerId commands_timer_ = 0;
  Loop::TimerId topics_timer_ = 0;
  Loop::TimerId durable_timer_ = 0;
  unsigned attempts_ = 0;
  bool open_ = false;
  std::optional<SteadyTime> down_since_{};
  SteadyTime busy_until_{};
  std::string trouble_{};
  std::string refusal_{};

  std::deque<Request> parked_{};
  std::size_t parked_bytes_ = 0;
  std::deque<Request> durable_parked_{};
  std::vector<Durable> batch_{};

  std::vector<Batch> changes_{};  // of this turn
  bool changes_asked_ = false;
  std::deque<Batch> unconfirmed_{};

  std::string probe_topic_{};
  bool probe_heard_ = false;  // its topic is subscribed
  bool probed_ = false;       // since both connections are open
  SteadyTime probe_asked_{};  // when its topic was subscribed, or taken away, last
  SteadyTime probe_next_{};
  SteadyTime probe_back_{};
  std::optional<SteadyTime> probe_sent_{};
};

}  // namespace gatecast::redis
