#include "server/namespaces.hpp"

namespace gatecast::server {
namespace {

bool well_formed(std::string_view channel, std::size_t max) {
  if (channel.empty() || channel.size() > max) return false;
  return std::ranges::all_of(channel, [](char c) { return c > 0x20 && c < 0x7f; });
}

bool is_personal(std::string_view channel) { return channel.starts_with('#'); }

std::string_view namespace_of(std::string_view channel) {
  if (channel.starts_with('$')) channel.remove_prefix(1);
  auto colon = channel.find(':');
  return colon == std::string_view::npos ? std::string_view{} : channel.substr(0, colon);
}

}  // namespace

Result<const NamespaceConfig*> Namespaces::find(std::string_view channel) const {
  if (!well_formed(channel, name_bytes_max_)) return fail(Errc::bad_request, "channel name");
  const auto name = namespace_of(channel);
  for (const auto& n : all_) {
    if (n.name == name) return &n;
  }
  return Errc::unknown_channel;
}

Result<void> Namespaces::exists(std::string_view channel) const {
  if (is_personal(channel) && well_formed(channel, name_bytes_max_)) return {};
  auto found = find(channel);
  if (!found) return found.error();
  return {};
}

Result<void> Namespaces::may_subscribe(std::string_view channel, bool anonymous) const {
  if (is_personal(channel)) return Errc::permission_denied;
  auto found = find(channel);
  if (!found) return found.error();
  if (insecure_) return {};
  if (channel.starts_with('$')) return Errc::permission_denied;
  const auto& n = **found;
  const bool allowed = n.allow_subscribe_for_client && (!anonymous || n.allow_subscribe_for_anonymous);
  return allowed ? Result<void>{} : Result<void>{Errc::permission_denied};
}

Result<void> Namespaces::may_publish(std::string_view channel, bool anonymous, bool subscribed) const {
  if (is_personal(channel)) return Errc::permission_denied;
  auto found = find(channel);
  if (!found) return found.error();
  if (insecure_) return {};
  const auto& n = **found;
  if (anonymous && !n.allow_publish_for_anonymous) return Errc::permission_denied;
  if (n.allow_publish_for_client || (n.allow_publish_for_subscriber && subscribed)) return {};
  return Errc::permission_denied;
}

}  // namespace gatecast::server
