// The channels whose home is one shard, where several nodes share them: what is true lies in the broker, a home has the
// position up to which it has handed publications out.
//
// Place: a part of Hub that is there with a broker only; the hub asks it for what it otherwise does itself. Threads:
// its shard. Order: a home hands out the next offset only. A hole, another epoch, an interruption, and a look now and
// then make it ask the broker once a channel; where the history does not reach back or the epoch is another one,
// subscribers are told, at moments spread over channels, before anything beyond is handed out. Bounds: SharedLimits;
// what comes while a home asks is kept up to `pending`, the rest is asked for again. Errors: those of the broker;
// overloaded where too many recoveries are under way.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/broker.hpp"
#include "hub/pushes.hpp"
#include "hub/subscription.hpp"

namespace gatecast::hub {

class Channel;
class Hub;

struct SharedLimits {
  Duration linger = std::chrono::seconds{3};           // a channel without subscribers is listened to so long still
  std::size_t lingering = 10'000;                      // such channels of a shard; over it the oldest go at once
  std::size_t pending = 256;                           // publications a home keeps while it asks
  std::size_t pending_bytes = 1u << 20;                // alike
  unsigned catching_up = 64;                           // homes of a shard that ask at once
  unsigned recoveries = 1024;                          // of subscribers of a shard, asked for at once
  Duration look_every = std::chrono::seconds{30};      // a home asks whether its position is true
  unsigned looks = 100;                                // of a shard, each time `tend` is called
  Duration tell_within = std::chrono::seconds{3};      // how far the telling of many channels is spread
  Duration tell_apart = std::chrono::milliseconds{1};  // of few: so much for each channel
  Pushes::Limits pushes{};
};

/// Counts of one shard since its start.
struct SharedStats {
  std::uint64_t asked = 0;        // times that homes asked for what they had not got
  std::uint64_t caught_up = 0;    // publications that came so
  std::uint64_t moved = 0;        // channels whose subscribers were told that publications are lost, or the epoch new
  std::uint64_t interrupted = 0;  // channels of which the broker said that publications may have been missed
};

class SharedHomes final : public broker::Receiver {
 public:
  SharedHomes(Hub& hub, broker::Broker& broker, SharedLimits limits, std::uint64_t seed);
  ~SharedHomes() override;

  void start() { broker_.start(*this); }
  void stop();
  /// Ten times a second or so: what is to be told, asked again, looked after, or listened to no longer.
  void tend();

  broker::Broker& broker() { return broker_; }
  /// A shard has its first subscriber, or none any more.
  void enroll(const std::string& name, unsigned from, std::uint32_t registration, bool kept);
  void withdraw(Channel& channel, unsigned from);

  struct Asker {
    unsigned from;         // shard
    std::uint32_t number;  // of the recovery there
    broker::StreamPosition since;
    bool newest_only;
    FilterRef filter;
    unsigned attempts = 0;
  };
  /// What a subscriber missed; answered by Hub::answer_recovery.
  void recover(const std::string& name, Asker asker);
  /// What a shard missed; answered by Hub::answer_refill.
  void refill(const std::string& name, unsigned from, std::uint32_t registration, const broker::StreamPosition& since);

  Pushes& pushes() { return pushes_; }
  const Pushes& pushes() const { return pushes_; }
  const SharedStats& stats() const { return stats_; }
  std::size_t homes() const { return homes_.size(); }

  /// Called for each publication of a personal channel before it is handed out, and where some of it are lost for good.
  std::function<void(const broker::Publication&)> received;
  std::function<void(std::string_view channel)> missed;

 private:
  /// What a home has while something goes on.
  struct Busy;
  struct Home {
    Home();
    ~Home();
    broker::StreamPosition at{};  // handed out up to here
    std::unique_ptr<Busy> busy;
    std::uint32_t number = 0;  // no other home has or had it
    std::uint32_t seen = 0;    // the second in which `at` was known to be true
    std::uint32_t idle_since = 0;
    bool ready : 1 = false;    // the broker has said where it stands
    bool kept : 1 = false;     // the channel has a history
    bool idle : 1 = false;     // no shard has subscribers
    bool in_line : 1 = false;  // in line_
    bool queued : 1 = false;   // it is to ask
    bool asking : 1 = false;   // it has asked
    bool again : 1 = false;    // it is to ask once more
  };
  struct Ask;
  struct Ref {
    Channel* channel;
    std::uint32_t number;
  };
  struct Found {
    Channel* channel = nullptr;
    Home* home = nullptr;
    explicit operator bool() const { return home != nullptr; }
  };
  struct Refill {
    std::string name;
    unsigned from;
    std::uint32_t registration;
    broker::StreamPosition since;
  };

  void on_publication(broker::PublicationRef publication) override;
  void on_interrupted(std::string_view channel) override;

  // Homes come and go (shared_homes.cpp).
  Found find(std::string_view name) const;
  Found find(std::string_view name, std::uint32_t number) const;
  Home* find(const Ref& ref) const;
  static Busy& busy(Home& home);
  static void calm(Home& home);
  static bool awaits(const Home& home);
  void listening(const std::string& name, std::uint32_t number, const Result<broker::StreamPosition>& done);
  void grow_idle(Channel& channel, Home& home);
  void retire(Channel& channel);
  std::uint32_t second() const;

  // What comes, in order (shared_homes.cpp).
  bool take(Home& home, const broker::PublicationRef& publication);
  void hand_on(const broker::PublicationRef& publication);
  void keep_pending(Home& home, broker::PublicationRef publication);
  void take_pending(Channel& channel, Home& home, bool asked);

  // A home asks (shared_homes_asking.cpp).
  void ask(Channel& channel, Home& home);
  void ask_next();
  void asked(const std::string& name, std::uint32_t number, broker::StreamPosition since,
             Result<broker::Recovered> got);
  void tell_later(Channel& channel, Home& home, broker::StreamPosition target);
  void move(Channel& channel, Home& home, broker::StreamPosition target);
  void settle(Channel& channel, Home& home);
  void refuse_deferred(Channel& channel, Home& home, Errc code);

  // Subscribers and shards ask (shared_homes_recovery.cpp).
  void begin_recovery(const std::string& name, Home& home, Asker asker);
  void recovered(const std::string& name, std::uint32_t number, std::uint32_t id, Result<broker::Recovered> got);
  static bool add_noted(const Home& home, broker::Recovered& got);
  broker::Recovered reply_of(const broker::Recovered& got, const Asker& asker, broker::StreamPosition at) const;
  void refill_answered(const Refill& wish, std::uint32_t number, Result<broker::Recovered> got);

  Hub& hub_;
  broker::Broker& broker_;
  const SharedLimits limits_;
  Pushes pushes_;
  boost::unordered_flat_map<Channel*, std::unique_ptr<Home>> homes_;
  std::deque<Ref> first_, later_;   // homes that are to ask: those with subscribers first
  std::deque<Ref> line_;            // without subscribers, in the order of becoming so
  std::deque<Ref> round_;           // all, in the order of being looked at
  std::vector<Ref> telling_;        // whose subscribers are to be told
  std::vector<std::string> retry_;  // whose question failed
  std::vector<Refill> refills_;     // alike
  std::uint32_t last_number_ = 0;
  std::uint32_t last_ask_ = 0;
  unsigned in_flight_ = 0;
  unsigned recoveries_ = 0;
  std::uint32_t retried_ = 0;  // the second of the last retry
  bool stopped_ = false;
  SharedStats stats_;
};

}  // namespace gatecast::hub
