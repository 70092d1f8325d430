// What the server says: results of commands and the bodies of pushes, before they are encoded.
//
// Place: filled by hub and server, read by the writers (JSON; other encodings alike). Pure views: everything they point
// to outlives the call they are given to. Zero, false and empty are not written, except where the protocol always has
// the field; `data`, `info`, `conn_info`, `chan_info` are embedded JSON, which was validated when it came in.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace gatecast::protocol {

/// Who is at the other end of a connection, as other clients see it.
struct ClientInfo {
  std::string_view user;    // always written
  std::string_view client;  // always written
  std::string_view conn_info{};
  std::string_view chan_info{};
};

struct Tag {
  std::string_view key;
  std::string_view value;
};

struct PublicationView {
  std::string_view data;
  std::uint64_t offset = 0;          // 0: the channel has no history
  const ClientInfo* info = nullptr;  // who published; null: the server
  std::span<const Tag> tags{};
  std::int64_t time_ms = 0;
  bool delta = false;  // `data` is a JSON string that holds a delta
};

struct SubscribeResult {
  bool expires = false;
  std::uint32_t ttl_seconds = 0;
  bool recoverable = false;
  bool positioned = false;
  std::string_view epoch{};
  std::uint64_t offset = 0;
  std::span<const PublicationView> publications{};
  bool recovered = false;
  bool was_recovering = false;
  std::string_view data{};
  bool delta = false;
};

/// A server-side subscription in the connect result.
struct ConnectedSub {
  std::string_view channel;
  SubscribeResult result;
};

struct ConnectResult {
  std::string_view client;
  std::string_view version;
  bool expires = false;
  std::uint32_t ttl_seconds = 0;
  std::string_view data{};
  std::span<const ConnectedSub> subs{};
  std::uint32_t ping_seconds = 0;
  bool pong = false;
  std::string_view session{};  // streams of HTTP only
  std::string_view node{};     // streams of HTTP only
};

struct UnsubscribeResult {};
struct PublishResult {};

struct PresenceResult {
  std::span<const ClientInfo> clients;
};

struct PresenceStatsResult {
  std::uint32_t num_clients = 0;
  std::uint32_t num_users = 0;
};

struct HistoryResult {
  std::span<const PublicationView> publications;
  std::string_view epoch;
  std::uint64_t offset = 0;
};

struct RpcResult {
  std::string_view data;
};

struct RefreshResult {
  std::string_view client{};
  std::string_view version{};
  bool expires = false;
  std::uint32_t ttl_seconds = 0;
};

struct SubRefreshResult {
  bool expires = false;
  std::uint32_t ttl_seconds = 0;
};

/// A server-side subscription made while the connection is open.
struct SubscribePush {
  bool recoverable = false;
  bool positioned = false;
  std::string_view epoch{};
  std::uint64_t offset = 0;
  std::string_view data{};
};

}  // namespace gatecast::protocol
