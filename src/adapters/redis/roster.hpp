// Who is on channels by this broker, in Redis and here, so that it can be entered again.
//
// Place: part of RedisBroker. Threads: the loop's. What Redis may not know – a command failed, a server came back
// empty, another incarnation began – is put right once it answers: kAtOnce channels at a time, kBatch entries a
// command. Bounds: Options of the broker (`present_max`; who is over it is not entered, and counted); kGone departures
// that could not be said, beyond which the incarnation is given up and everybody entered anew.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include "adapters/redis/lease.hpp"
#include "adapters/redis/presence_text.hpp"
#include "broker/broker.hpp"

namespace gatecast::redis {

class Roster {
 public:
  static constexpr std::size_t kAtOnce = 32;
  static constexpr std::size_t kBatch = 50;
  static constexpr std::size_t kGone = 100'000;

  Roster(BrokerCalls& calls, Lease& lease, std::size_t present_max)
      : calls_(calls), lease_(lease), present_max_(present_max) {}

  void enter(std::string_view channel, broker::ClientInfoRef who, bool listed, bool told);
  void leave(std::string_view channel, const broker::ClientInfoRef& who, bool listed, bool told);

  /// Redis may have lost what it knew of the channel; nobody was told of it.
  void doubt(std::string_view channel);
  /// Everybody has to be entered in the present incarnation.
  void doubt_all(Lease::Anew how);
  /// Redis answers: puts right what is in doubt.
  void put_right();

 private:
  struct Entered {
    broker::ClientInfoRef who;
    bool told = false;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  template <class T>
  using ByText = boost::unordered_flat_map<std::string, T, Hash, std::equal_to<>>;
  using Entries = std::vector<Entered>;                           // sorted by client
  using Gone = std::vector<std::pair<std::string, std::string>>;  // client, text of the leave
  /// Departures said again together.
  struct Batch {
    std::size_t left = 0;
    bool well = true;
  };

  static Entries::iterator place_of(Entries& entries, std::string_view client);
  void send(const std::string& member, std::span<const Entered> some, char how, ReplyDone done);
  void send_leave(const std::string& member, const std::string& client, const std::string& text, char how,
                  std::shared_ptr<Batch> batch = nullptr);
  void answered(const std::shared_ptr<Batch>& batch, bool well);
  void doubt_member(const std::string& member, char how);
  void put_right(const std::string& member, char how, std::string after);
  void say_gone(const std::string& member);
  void not_left(const std::string& member, const std::string& client, const std::string& text);

  BrokerCalls& calls_;
  Lease& lease_;
  const std::size_t present_max_;
  std::size_t present_ = 0;
  ByText<Entries> entered_;  // by member_of
  ByText<char> doubted_;     // how: enter_script's
  ByText<Gone> gone_;
  std::size_t gone_count_ = 0;
  std::size_t at_work_ = 0;
};

}  // namespace gatecast::redis
