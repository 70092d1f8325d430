// What differs between two configurations, in words for operators: key names and fingerprints, never a secret.
//
// Place: under Reloading. Pure; any thread. It walks the table of keys, so a new key is compared by itself; which keys
// may change while the server runs is said in one list here. Keys of tokens are compared as rings, since files and the
// key folder count as well.
#pragma once

#include <string>
#include <vector>

#include "server/config/config.hpp"
#include "token/key_ring.hpp"

namespace gatecast::server {

struct ConfigDifference {
  std::vector<std::string> changed;  // what a reload takes: "namespace chat: history_size"
  std::vector<std::string> restart;  // keys that stay as they were at the start: "http.address"
};

/// `started` is what the server runs with where a key cannot change, `taken` what it runs with where it can.
ConfigDifference difference(Config started, Config taken, Config fresh);
/// The same of the rings: "token.key k2 (ab12:…) added, signs".
std::vector<std::string> difference(const token::KeyRing& before, const token::KeyRing& after);

}  // namespace gatecast::server
