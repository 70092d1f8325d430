// Which channels exist and who may do what on them: the [[namespace]] tables, looked up by channel name.
//
// A channel's namespace is the text before its first colon (after a leading `$`); without a colon it is "". Rules in
// the order of the protocol: `#<user id>` belongs to one user and is subscribed by the server alone, `$…` needs a
// subscription token, `…#ann,bob` is for these users where the namespace has such channels; where the namespace asks
// for a grant, every user may who holds it, which the connection finds out; then the namespace's options. A
// subscription token that was accepted decides alone. Errors: bad_request (form of the name), unknown_channel,
// permission_denied, not_available (the namespace does not keep what is asked for). Threads: any, also beside `use`.
// Lifetime: tables outlive the calls begun with them.
#pragma once

#include <atomic>
#include <string_view>
#include <vector>

#include "broker/streams.hpp"
#include "core/result.hpp"
#include "server/config/config.hpp"

namespace gatecast::server {

/// Who asks: a user (empty: not signed in), and whether the connection is subscribed to the channel.
struct Asker {
  std::string_view user;
  bool subscribed = false;
};

class Namespaces {
 public:
  using Found = Result<const NamespaceConfig*>;

  Namespaces(const std::vector<NamespaceConfig>& all, bool insecure, std::size_t name_bytes_max)
      : all_(&all), insecure_(insecure), name_bytes_max_(name_bytes_max) {}

  /// Other tables count from here on; who is subscribed stays so.
  void use(const std::vector<NamespaceConfig>& all) { all_.store(&all, std::memory_order_release); }

  /// What every user's own channel has, whatever characters and length the id of the user: enough to come back to
  /// after a night.
  static const NamespaceConfig& personal();
  /// The namespace of a channel that a back end may use, personal ones included.
  Found find(std::string_view channel) const;
  Found may_subscribe(std::string_view channel, const Asker& who) const;
  /// A token for the channel was accepted.
  Found may_subscribe_by_token(std::string_view channel) const;
  Found may_publish(std::string_view channel, const Asker& who) const;
  Found may_read_history(std::string_view channel, const Asker& who) const;
  Found may_see_presence(std::string_view channel, const Asker& who) const;

  /// Whether a client's wish is granted, the namespace's `force_…` not counted.
  bool may_position(const NamespaceConfig& n, const Asker& who) const;
  bool may_recover(const NamespaceConfig& n, const Asker& who) const;

 private:
  Found find_open(std::string_view channel) const;

  std::atomic<const std::vector<NamespaceConfig>*> all_;
  const bool insecure_;
  const std::size_t name_bytes_max_;
};

inline broker::HistoryOptions history_of(const NamespaceConfig& n) { return {n.history_size, n.history_ttl}; }

/// `#<user id>`: subscribed by the server for every connection of the user.
inline std::string personal_channel(std::string_view user_id) { return "#" + std::string(user_id); }
inline bool is_personal(std::string_view channel) { return channel.starts_with('#'); }

}  // namespace gatecast::server
