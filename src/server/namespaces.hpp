// Which channels exist and who may do what on them: the [[namespace]] tables, looked up by channel name.
//
// A channel's namespace is the text before its first colon (after a leading `$`); without a colon it is "". Rules in
// the order of the protocol: `#…` belongs to one user and is subscribed by the server alone, `$…` needs a subscription
// token; then the namespace's options. Pure; any thread.
#pragma once

#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "server/config.hpp"

namespace gatecast::server {

class Namespaces {
 public:
  Namespaces(const std::vector<NamespaceConfig>& all, bool insecure, std::size_t name_bytes_max)
      : all_(all), insecure_(insecure), name_bytes_max_(name_bytes_max) {}

  /// Errors: bad_request (form of the name), unknown_channel, permission_denied.
  Result<void> may_subscribe(std::string_view channel, bool anonymous) const;
  Result<void> may_publish(std::string_view channel, bool anonymous, bool subscribed) const;
  /// For the server API: only form and existence. Errors: bad_request, unknown_channel.
  Result<void> exists(std::string_view channel) const;

 private:
  Result<const NamespaceConfig*> find(std::string_view channel) const;

  const std::vector<NamespaceConfig>& all_;
  const bool insecure_;
  const std::size_t name_bytes_max_;
};

/// `#<user id>`: subscribed by the server for every connection of the user.
inline std::string personal_channel(std::string_view user_id) { return "#" + std::string(user_id); }

}  // namespace gatecast::server
