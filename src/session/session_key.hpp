// The secrets sessions hang on, as the configuration names them: [[session.key]].
//
// The first key makes, all of them verify, so a key is replaced without signing anyone out: add the new one in front,
// remove the old one when the last session made under it has ended. A session key is never a token key, nor derived
// from one: a leaked token secret must not write sessions.
#pragma once

#include <string>
#include <vector>

#include "core/secret.hpp"

namespace gatecast::session {

struct SessionKey {
  std::string id;  // for the log and the console
  Secret secret;   // at least kSessionKeyBytesMin
};

/// Below 32 bytes a key could be searched for.
inline constexpr std::size_t kSessionKeyBytesMin = 32;

using SessionKeyList = std::vector<SessionKey>;

}  // namespace gatecast::session
