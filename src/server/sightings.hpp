// What the server saw of the proxies before it: requests that were forwarded by a peer it does not trust, and those
// that `gatecast doctor --url` sent to see how they arrive.
//
// Place: told of every request of the public port by the connections, asked by the checks. Threads: any; one mutex,
// held for a few copies and only for requests of these two kinds. Bounds: the last forwarding peer and kProbesMax
// probes, the oldest go; a probe's name is at most kNameMax bytes.
#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "http/client_ip.hpp"
#include "http/message.hpp"

namespace gatecast::server {

/// What a probe's User-Agent begins with; its name follows.
inline constexpr std::string_view kProbeAgent = "gatecast-doctor/";

/// How one request arrived.
struct Sighting {
  std::string name{};      // of the probe
  std::string peer{};      // the address of the socket
  std::string ip{};        // the client's, as the server takes it
  std::string scheme{};    // likewise
  bool trusted = false;    // the peer is one of http.trusted_proxies
  bool forwarded = false;  // it brought X-Forwarded-For
};

class Sightings {
 public:
  static constexpr std::size_t kProbesMax = 16;
  static constexpr std::size_t kNameMax = 64;

  void look(const http::Request& request, std::string_view peer, std::string_view ip,
            const http::TrustedProxies& proxies, bool tls);
  /// The request that a probe of that name made.
  std::optional<Sighting> find(std::string_view name) const;
  /// The peer that last forwarded a request without being trusted; empty: none did.
  std::string forwarder() const;

 private:
  mutable std::mutex mutex_;
  std::array<Sighting, kProbesMax> probes_{};
  std::size_t next_ = 0;
  std::string forwarder_{};
};

}  // namespace gatecast::server
