// The secrets sessions hang on, as the configuration names them: [[session.key]].
//
// The first key makes, all of them verify, so a key is replaced without signing anyone out: add the new one in front,
// remove the old one when the last session made under it has ended. A session key is never a token key, nor derived
// from one: a leaked token secret must not write sessions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/secret.hpp"
#include "crypto/hash.hpp"

namespace gatecast::session {

struct SessionKey {
  std::string id;  // for the log and the console
  Secret secret;   // at least kSessionKeyBytesMin
};

/// Below 32 bytes a key could be searched for.
inline constexpr std::size_t kSessionKeyBytesMin = 32;

using SessionKeyList = std::vector<SessionKey>;

/// `secret_missing` or `secret_weak`, where the list is no list of session keys.
Result<void> check_session_keys(const SessionKeyList& keys);

/// The key for one use – "nonce", "refresh", "ticket", "reload" –, from which neither the session key nor that of
/// another use follows.
crypto::HmacKey derived_mac(const SessionKey& key, std::string_view use);
/// Those of all keys, in their order. Errors: those of check_session_keys.
Result<std::vector<crypto::HmacKey>> derived_macs(const SessionKeyList& keys, std::string_view use);

}  // namespace gatecast::session
