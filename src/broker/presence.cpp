#include "broker/presence.hpp"

namespace gatecast::broker {

PublicationRef presence_news(std::string_view channel, const ClientInfo& who, PublicationKind kind) {
  auto publication = std::make_shared<Publication>();
  publication->channel = channel;
  publication->user = who.user;
  publication->client = who.client;
  publication->conn_info = who.conn_info;
  publication->chan_info = who.chan_info;
  publication->kind = kind;
  return publication;
}

void Presence::drop_user(Channel& channel, const std::string& user) {
  const auto at = channel.users.find(user);
  if (--at->second == 0) channel.users.erase(at);
}

bool Presence::enter(std::string_view name, ClientInfoRef who) {
  auto at = channels_.find(name);
  if (at != channels_.end()) {
    if (const auto known = at->second.clients.find(who->client); known != at->second.clients.end()) {
      ++at->second.users[who->user];
      drop_user(at->second, known->second->user);
      known->second = std::move(who);
      return true;
    }
  }
  if (entries_ >= entries_max_) {
    ++left_out_;
    return false;
  }
  if (at == channels_.end()) at = channels_.emplace(std::string(name), Channel{}).first;
  ++entries_;
  ++at->second.users[who->user];
  const std::string& client = who->client;
  at->second.clients.emplace(client, std::move(who));
  return true;
}

bool Presence::leave(std::string_view name, std::string_view client) {
  const auto at = channels_.find(name);
  if (at == channels_.end()) return false;
  const auto gone = at->second.clients.find(client);
  if (gone == at->second.clients.end()) return false;
  drop_user(at->second, gone->second->user);
  at->second.clients.erase(gone);
  --entries_;
  if (at->second.clients.empty()) channels_.erase(at);
  return true;
}

std::vector<ClientInfoRef> Presence::clients(std::string_view name, std::size_t most) const {
  std::vector<ClientInfoRef> all;
  const auto at = channels_.find(name);
  if (at == channels_.end()) return all;
  all.reserve(std::min(most, at->second.clients.size()));
  for (const auto& [id, who] : at->second.clients) {
    if (all.size() == most) break;
    all.push_back(who);
  }
  return all;
}

PresenceCount Presence::count(std::string_view name) const {
  const auto at = channels_.find(name);
  if (at == channels_.end()) return {};
  return {static_cast<std::uint32_t>(at->second.clients.size()), static_cast<std::uint32_t>(at->second.users.size())};
}

}  // namespace gatecast::broker
