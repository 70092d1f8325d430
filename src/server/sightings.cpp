#include "server/sightings.hpp"

#include "metrics/registry.hpp"

namespace gatecast::server {

void Sightings::look(const http::Request& request, std::string_view peer, std::string_view ip,
                     const http::TrustedProxies& proxies, bool tls) {
  const bool forwarded = !request.header("X-Forwarded-For").empty();
  const auto agent = request.header("User-Agent");
  const bool probe = agent.starts_with(kProbeAgent) && agent.size() <= kProbeAgent.size() + kNameMax;
  if (!forwarded && !probe) return;
  const auto address = http::parse_address(peer);
  const bool trusted = address && proxies.contains(*address);
  if (forwarded && !trusted) metrics::count<"forwarded_untrusted_total">();
  if (trusted && !probe) return;
  std::lock_guard lock(mutex_);
  if (forwarded && !trusted && forwarder_ != peer) forwarder_ = peer;
  if (!probe) return;
  auto& seen = probes_[next_];
  next_ = (next_ + 1) % kProbesMax;
  seen = {.name = std::string(agent.substr(kProbeAgent.size())),
          .peer = std::string(peer),
          .ip = std::string(ip),
          .scheme = http::client_scheme(peer, request.headers, proxies, tls),
          .trusted = trusted,
          .forwarded = forwarded};
}

std::optional<Sighting> Sightings::find(std::string_view name) const {
  std::lock_guard lock(mutex_);
  for (const auto& seen : probes_) {
    if (!seen.name.empty() && seen.name == name) return seen;
  }
  return std::nullopt;
}

std::string Sightings::forwarder() const {
  std::lock_guard lock(mutex_);
  return forwarder_;
}

}  // namespace gatecast::server
