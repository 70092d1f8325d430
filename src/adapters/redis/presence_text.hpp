// Somebody's presence as bytes, and which keys it touches.
//
//   entry:  incarnation (12) ‖ t or - (told) ‖ length : user ‖ publication text of the leave
//
// Place: what Roster and Reaper share. Pure; any thread. Errors: nothing is made of bytes that break the form.
#pragma once

#include <string>
#include <string_view>

#include "adapters/redis/names.hpp"
#include "broker/presence.hpp"
#include "broker/publication.hpp"

namespace gatecast::redis {

std::string presence_publication(broker::PublicationKind kind, const broker::ClientInfo& who);
std::string presence_entry(std::string_view incarnation, bool told, const broker::ClientInfo& who);

struct PresenceEntry {
  std::string_view incarnation;  // into what was parsed
  broker::ClientInfoRef who;
};
/// `who` is null where the entry is not ours.
PresenceEntry parse_presence_entry(std::string_view entry);

/// A channel as presence knows it: those who are listed, and those of whom only coming and going is told.
inline std::string member_of(std::string_view channel, bool listed) {
  return std::string(1, listed ? 'p' : 'q') + std::string(channel);
}
inline bool is_listed(std::string_view member) { return member.starts_with('p'); }
inline std::string_view channel_of(std::string_view member) { return member.substr(1); }

/// Keys of the presence scripts, and where they tell.
struct PresenceKeys {
  PresenceKeys(const Names& names, std::string_view member, std::string_view incarnation);

  std::string entries, nodes, index, users;  // `users` is empty where nobody is listed
  std::string topic, mark;
};

}  // namespace gatecast::redis
