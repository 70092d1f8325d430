#include "adapters/redis/names.hpp"

#include <fmt/format.h>

#include <charconv>

namespace gatecast::redis {

unsigned partition_of(std::string_view channel) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : channel) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return static_cast<unsigned>(hash % kPartitions);
}

std::string Names::tagged(unsigned partition) const { return fmt::format("{}{}}}", base_, partition); }

std::string Names::key(Kind kind, unsigned partition, std::string_view rest) const {
  return fmt::format("{}{}}}{}:{}", base_, partition, static_cast<char>(kind), rest);
}

std::string Names::once_key(std::string_view channel, std::string_view idempotency_key) const {
  // The length, in front, keeps two pairs of channel and key apart that read the same.
  return fmt::format("{}:{}:{}", key(once, partition_of(channel), std::to_string(channel.size())), channel,
                     idempotency_key);
}

std::string Names::registry(std::string_view name) const { return fmt::format("{}n}}{}", base_, name); }

std::string Names::shared_topic(unsigned partition) const { return tagged(partition) + 'u'; }

std::string Names::topic(std::string_view channel) const {
  const unsigned partition = partition_of(channel);
  if (shares_topic(channel)) return shared_topic(partition);
  return fmt::format("{}{}}}c:{}", base_, partition, channel);
}

std::optional<Names::Topic> Names::parse_topic(std::string_view topic) const {
  if (!topic.starts_with(base_)) return std::nullopt;
  topic.remove_prefix(base_.size());
  Topic found;
  const auto [end, error] = std::from_chars(topic.data(), topic.data() + topic.size(), found.partition);
  if (error != std::errc{} || found.partition >= kPartitions) return std::nullopt;
  topic.remove_prefix(static_cast<std::size_t>(end - topic.data()));
  if (topic == "}u") return found;
  if (!topic.starts_with("}c:") || topic.size() == 3) return std::nullopt;
  found.channel = topic.substr(3);
  return found;
}

}  // namespace gatecast::redis
