// What a reload exchanges as one immutable whole: keys, namespaces, and what is made of them.
//
// Place: made by Server at the start and by Reloading after it; read through Versioned, which says how long a reader
// may hold it. Errors of `make`: those of keys.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/config/config.hpp"
#include "token/doctor.hpp"
#include "token/key_ring.hpp"

namespace gatecast::server {

struct Settings {
  std::vector<ApiKey> api_keys;
  std::vector<NamespaceConfig> namespaces;
  std::vector<Operator> operators;
  token::KeyRing ring;
  token::DoctorInput doctor{};  // its ring is the one above
  std::string jwks{};
  Duration log_summary{};  // 0: none

  static Result<std::unique_ptr<const Settings>> make(const Config& config, WallTime now);
};

}  // namespace gatecast::server
