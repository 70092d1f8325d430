#include "adapters/redis/presence_text.hpp"

#include <charconv>

#include "adapters/redis/lease.hpp"
#include "adapters/redis/publication_text.hpp"

namespace gatecast::redis {

std::string presence_publication(broker::PublicationKind kind, const broker::ClientInfo& who) {
  return publication_text(*broker::presence_news({}, who, kind));
}

std::string presence_entry(std::string_view incarnation, bool told, const broker::ClientInfo& who) {
  std::string entry(incarnation);
  entry += told ? 't' : '-';
  entry += std::to_string(who.user.size()) + ':' + who.user;
  entry += presence_publication(broker::PublicationKind::leave, who);
  return entry;
}

PresenceEntry parse_presence_entry(std::string_view entry) {
  constexpr std::size_t kHead = Lease::kIncarnationLength + 1;
  if (entry.size() < kHead) return {};
  const std::string_view incarnation = entry.substr(0, Lease::kIncarnationLength);
  entry.remove_prefix(kHead);
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(entry.data(), entry.data() + entry.size(), size);
  if (error != std::errc{} || end == entry.data() + entry.size() || *end != ':') return {};
  entry.remove_prefix(static_cast<std::size_t>(end - entry.data()) + 1);
  if (size > entry.size()) return {};
  const auto publication = parse_publication_text(entry.substr(size));
  if (publication == nullptr) return {};
  return {incarnation, std::make_shared<const broker::ClientInfo>(
                           broker::ClientInfo{std::move(publication->user), std::move(publication->client),
                                              std::move(publication->conn_info), std::move(publication->chan_info)})};
}

PresenceKeys::PresenceKeys(const Names& names, std::string_view member, std::string_view incarnation) {
  const std::string_view channel = channel_of(member);
  const bool listed = is_listed(member);
  entries = names.key(listed ? Names::present : Names::told, channel);
  nodes = names.key(listed ? Names::present_nodes : Names::told_nodes, channel);
  index = names.key(Names::node_channels, partition_of(channel), incarnation);
  if (listed) users = names.key(Names::present_users, channel);
  topic = names.topic(channel);
  if (shares_topic(channel)) mark = channel_mark(channel);
}

}  // namespace gatecast::redis
