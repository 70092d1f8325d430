#include "server/settings.hpp"

#include "server/checks/doctor_input.hpp"
#include "server/config/keys.hpp"

namespace gatecast::server {

Result<std::unique_ptr<const Settings>> Settings::make(const Config& config, WallTime now) {
  auto ring = make_key_ring(config);
  if (!ring) return ring.error();
  auto made =
      std::make_unique<Settings>(Settings{config.api_keys, config.namespaces, config.ops.operators, std::move(*ring)});
  made->doctor = make_doctor_input(config, now);
  made->doctor.ring = &made->ring;
  made->log_summary = config.log.summary;
  made->jwks = made->ring.jwks_json();
  return std::unique_ptr<const Settings>(std::move(made));
}

}  // namespace gatecast::server
