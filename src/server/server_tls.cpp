// TLS of the ports: loaded before they listen, and anew while they serve.
#include "core/log.hpp"
#include "core/time_text.hpp"
#include "metrics/registry.hpp"
#include "server/config/tls.hpp"
#include "server/server.hpp"

namespace gatecast::server {
namespace {

void say(std::string_view port, const net::TlsContext& context) {
  const auto& certificate = context.certificate();
  log::info("tls", {{"port", port},
                    {"subject", certificate.subject},
                    {"fingerprint", certificate.fingerprint},
                    {"expires", format_rfc3339(certificate.not_after)}});
  for (const auto& doubt : context.doubts()) log::warn("tls", {{"port", port}, {"detail", doubt}});
}

}  // namespace

Result<void> Server::load_certificates(const Config& config) {
  struct Place {
    std::string_view name;
    const TlsFiles& files;
    net::TlsPort& port;
    std::shared_ptr<const net::TlsContext> loaded{};
  };
  Place places[] = {{"public", config.http.tls, services_->public_tls}, {"ops", config.ops.tls, services_->ops_tls}};
  for (auto& place : places) {
    auto loaded = load_tls(place.files, parts_.clock.wall());
    if (!loaded) return std::move(loaded.error());
    place.loaded = std::move(*loaded);
  }
  std::int64_t first_end = 0;
  for (auto& place : places) {
    // Whether a port speaks TLS at all is settled when it begins to listen.
    const bool on = running_ ? place.port.current() != nullptr : place.loaded != nullptr;
    if (on && place.loaded != nullptr) {
      say(place.name, *place.loaded);
      place.port.use(place.loaded);
    }
    if (!on) continue;
    const auto end = unix_seconds(place.port.current()->certificate().not_after);
    first_end = first_end == 0 ? end : std::min(first_end, end);
  }
  // A gauge adds up over the threads that set it: one does.
  workers_[0]->shard().post_control([first_end] { metrics::gauge_set<"tls_certificate_expires_seconds">(first_end); });
  return {};
}

}  // namespace gatecast::server
