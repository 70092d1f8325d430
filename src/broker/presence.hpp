// Who is on a channel.
//
// Place: the in-process broker; each channel's home shard has the presence of its channels. Threads: its shard.
// A connection is on a channel once, whatever it says of itself the second time replaces the first. Users are counted
// as they come and go, so that the count costs nothing to read. Bounds: `entries` over all channels of the shard; a
// connection over it is not entered, and counted.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/publication.hpp"

namespace gatecast::broker {

struct ClientInfo {
  std::string user;
  std::string client;
  std::string conn_info{};  // JSON, or empty
  std::string chan_info{};
};
using ClientInfoRef = std::shared_ptr<const ClientInfo>;

/// That somebody has come or gone, as the channel's subscribers are told of it.
PublicationRef presence_news(std::string_view channel, const ClientInfo& who, PublicationKind kind);

struct PresenceCount {
  std::uint32_t clients = 0;
  std::uint32_t users = 0;
};

class Presence {
 public:
  explicit Presence(std::size_t entries = 1'000'000) : entries_max_(entries) {}

  /// False where the bound left it out.
  bool enter(std::string_view channel, ClientInfoRef who);
  /// False where it was not there.
  bool leave(std::string_view channel, std::string_view client);
  /// At most `most` of them, in no order.
  std::vector<ClientInfoRef> clients(std::string_view channel, std::size_t most) const;
  PresenceCount count(std::string_view channel) const;

  std::size_t entries() const { return entries_; }
  std::uint64_t left_out() const { return left_out_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  template <class T>
  using ByText = boost::unordered_flat_map<std::string, T, Hash, std::equal_to<>>;
  struct Channel {
    ByText<ClientInfoRef> clients;
    ByText<std::uint32_t> users;  // connections of each
  };

  static void drop_user(Channel& channel, const std::string& user);

  const std::size_t entries_max_;
  ByText<Channel> channels_;
  std::size_t entries_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace gatecast::broker
