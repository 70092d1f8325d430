// What keys and topics in Redis are called.
//
//   PREFIX 1:{p} kind : channel      p = FNV-1a 64 of the channel, mod 1024
//
// `1` is the version of the form of keys and messages: two versions of the program that share it understand each
// other. All that belongs to a channel has its partition as hash tag, so that it lies in one slot and one script may
// touch it. A channel has a topic of its own; personal channels (#…) of a partition share one, so that a node holds at
// most 1024 of those and somebody who connects needs no SUBSCRIBE. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gatecast::redis {

inline constexpr unsigned kPartitions = 1024;

unsigned partition_of(std::string_view channel);
inline bool shares_topic(std::string_view channel) { return channel.starts_with('#'); }

class Names {
 public:
  enum Kind : char {
    stream = 's',
    meta = 'm',
    once = 'i',           // a publication's place, by its idempotency key
    present = 'p',        // client → entry
    present_users = 'n',  // user → connections
    present_nodes = 'a',  // incarnation → entries
    told = 'q',           // as `present`, of those who are told of and not listed
    told_nodes = 'b',     // as `present_nodes`
    node_channels = 'w',  // by incarnation: its channels of the partition
  };

  explicit Names(std::string_view prefix) : base_(std::string(prefix) + "1:{") {}

  std::string key(Kind kind, std::string_view channel) const { return key(kind, partition_of(channel), channel); }
  std::string key(Kind kind, unsigned partition, std::string_view rest) const;
  std::string once_key(std::string_view channel, std::string_view idempotency_key) const;
  /// Of the nodes: one slot for all.
  std::string registry(std::string_view name) const;

  std::string topic(std::string_view channel) const;
  std::string shared_topic(unsigned partition) const;
  struct Topic {
    unsigned partition = 0;
    std::string_view channel{};  // empty: the partition's shared topic
  };
  std::optional<Topic> parse_topic(std::string_view topic) const;

 private:
  std::string tagged(unsigned partition) const;

  const std::string base_;
};

}  // namespace gatecast::redis
