// That this broker lives, as the others know it: an incarnation that it proves every third of a lease.
//
// Place: part of RedisBroker; presence belongs to incarnations. Threads: the loop's. One that has not been proved for
// a lease may be claimed by others, who take away what it left; once claimed it never comes back: the broker that finds
// its own claimed, or Redis emptied, goes on as another incarnation and enters everybody again. Nobody claims before
// it has itself been in touch for a whole lease: after an outage all get that long to return. Times are the server's.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>

#include "adapters/redis/broker_calls.hpp"

namespace gatecast::redis {

class Lease {
 public:
  static constexpr std::size_t kIncarnationLength = 12;
  enum class Anew : std::uint8_t {
    told,   // others have told that everybody left
    quiet,  // nobody knows that anything was gone
  };
  struct Events {
    std::function<void(Anew)> entered;            // an incarnation begins; nobody is entered in it
    std::function<void()> proved;                 // Redis has answered
    std::function<void(const std::string&)> job;  // a dead incarnation to take away, until `finished`
  };

  Lease(BrokerCalls& calls, Duration lease) : calls_(calls), lease_(lease) {}

  void start(Events events);
  void stop();

  /// Empty until Redis knows it: nobody is entered before.
  const std::string& incarnation() const { return known_ ? incarnation_ : none_; }
  bool dead(std::string_view incarnation) const { return dead_.contains(incarnation); }
  /// Leaves the incarnation to be taken away, and begins another.
  void renounce();
  void finished(bool all);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  void beat();
  void answered(Result<Value> reply, bool said_finished);
  void begin_anew(Anew how);
  void again(Duration delay);

  BrokerCalls& calls_;
  const Duration lease_;
  const std::string none_{};
  Events events_;
  std::string incarnation_;
  std::string birth_;
  std::string job_;
  bool known_ = false;
  bool finished_ = false;
  bool beating_ = false;
  Anew how_ = Anew::quiet;
  std::optional<SteadyTime> in_touch_since_;
  boost::unordered_flat_set<std::string, Hash, std::equal_to<>> dead_;
  Loop::TimerId timer_ = 0;
};

}  // namespace gatecast::redis
