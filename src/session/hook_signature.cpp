#include "session/hook_signature.hpp"

#include <fmt/format.h>

#include "core/text_form.hpp"
#include "crypto/hash.hpp"

namespace gatecast::session {

std::string hook_signature(const Secret& secret, WallTime at, std::string_view body) {
  const std::int64_t t = unix_seconds(at);
  const std::string mac = crypto::hmac(crypto::HashKind::sha256, secret.expose(), fmt::format("{}.{}", t, body));
  return fmt::format("t={},v1={}", t, hex_encode(mac));
}

}  // namespace gatecast::session
