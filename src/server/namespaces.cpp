#include "server/namespaces.hpp"

namespace gatecast::server {
namespace {

/// Above every user id: an issuer's name and a subject of 64 bytes.
constexpr std::size_t kPersonalNameMax = 256;

bool well_formed(std::string_view channel, std::size_t max) {
  if (channel.empty() || channel.size() > max) return false;
  return std::ranges::all_of(channel, [](char c) { return c > 0x20 && c < 0x7f; });
}

std::string_view namespace_of(std::string_view channel) {
  if (channel.starts_with('$')) channel.remove_prefix(1);
  const auto colon = channel.find(':');
  return colon == std::string_view::npos ? std::string_view{} : channel.substr(0, colon);
}

/// Whether `user` is among those that the name ends with; `limited` says whether it names any.
bool is_named(std::string_view channel, std::string_view user, bool& limited) {
  const auto mark = channel.rfind('#');
  limited = mark != std::string_view::npos;
  if (!limited || user.empty()) return false;
  std::string_view rest = channel.substr(mark + 1);
  for (;;) {
    const auto comma = rest.find(',');
    if (rest.substr(0, comma) == user) return true;
    if (comma == std::string_view::npos) return false;
    rest.remove_prefix(comma + 1);
  }
}

bool granted(const Asker& who, bool client, bool subscriber, bool anonymous) {
  if (who.user.empty() && !anonymous) return false;
  return client || (subscriber && who.subscribed);
}

bool may_history(const NamespaceConfig& n, const Asker& who) {
  return granted(who, n.allow_history_for_client, n.allow_history_for_subscriber, n.allow_history_for_anonymous);
}

}  // namespace

const NamespaceConfig& Namespaces::personal() {
  static const NamespaceConfig config{
      .name = "#", .history_size = 100, .history_ttl = std::chrono::hours(24), .force_recovery = true};
  return config;
}

Namespaces::Found Namespaces::find(std::string_view channel) const {
  // A user's id is what its issuer says, so a personal channel's name may hold what others must not.
  if (is_personal(channel) && channel.size() <= kPersonalNameMax) return &personal();
  if (!well_formed(channel, name_bytes_max_)) return fail(Errc::bad_request, "channel name");
  const auto name = namespace_of(channel);
  for (const auto& n : *all_.load(std::memory_order_acquire)) {
    if (n.name == name) return &n;
  }
  return Errc::unknown_channel;
}

/// The namespace of a channel that clients may name: nobody's personal one.
Namespaces::Found Namespaces::find_open(std::string_view channel) const {
  if (is_personal(channel)) return Errc::permission_denied;
  return find(channel);
}

Namespaces::Found Namespaces::may_subscribe_by_token(std::string_view channel) const { return find_open(channel); }

Namespaces::Found Namespaces::may_subscribe(std::string_view channel, const Asker& who) const {
  auto found = find_open(channel);
  if (!found || insecure_) return found;
  const auto& n = **found;
  if (channel.starts_with('$')) return Errc::permission_denied;
  if (n.allow_user_limited_channels) {
    bool limited = false;
    const bool named = is_named(channel, who.user, limited);
    if (limited) return named ? found : Errc::permission_denied;
  }
  // Who holds the grant may, and nobody else: that is the connection's to find out.
  if (!n.grant.empty()) return who.user.empty() ? Found(Errc::permission_denied) : found;
  if (granted(who, n.allow_subscribe_for_client, false, n.allow_subscribe_for_anonymous)) return found;
  return Errc::permission_denied;
}

Namespaces::Found Namespaces::may_publish(std::string_view channel, const Asker& who) const {
  auto found = find_open(channel);
  if (!found || insecure_) return found;
  const auto& n = **found;
  if (granted(who, n.allow_publish_for_client, n.allow_publish_for_subscriber, n.allow_publish_for_anonymous)) {
    return found;
  }
  return Errc::permission_denied;
}

Namespaces::Found Namespaces::may_read_history(std::string_view channel, const Asker& who) const {
  // One's own personal channel is read as a subscriber of it.
  auto found = is_personal(channel) && who.subscribed ? find(channel) : find_open(channel);
  if (!found) return found;
  const auto& n = **found;
  if (!history_of(n).on()) return Errc::not_available;
  if (insecure_ || is_personal(channel) || may_history(n, who)) return found;
  return Errc::permission_denied;
}

Namespaces::Found Namespaces::may_see_presence(std::string_view channel, const Asker& who) const {
  auto found = find_open(channel);
  if (!found) return found;
  const auto& n = **found;
  if (!n.presence) return Errc::not_available;
  if (insecure_ ||
      granted(who, n.allow_presence_for_client, n.allow_presence_for_subscriber, n.allow_presence_for_anonymous)) {
    return found;
  }
  return Errc::permission_denied;
}

bool Namespaces::may_position(const NamespaceConfig& n, const Asker& who) const {
  return history_of(n).on() && (insecure_ || n.allow_positioning || may_history(n, {who.user, true}));
}

bool Namespaces::may_recover(const NamespaceConfig& n, const Asker& who) const {
  return history_of(n).on() && (insecure_ || n.allow_recovery || may_history(n, {who.user, true}));
}

}  // namespace gatecast::server
