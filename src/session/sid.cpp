#include "session/sid.hpp"

#include "core/text_form.hpp"
#include "crypto/constant_time.hpp"
#include "crypto/random.hpp"

namespace gatecast::session {
namespace {

/// "sid" ‖ random16 ‖ user id: unambiguous, since all but the last part have a fixed length.
std::string mac_input(std::string_view random, std::string_view user_id) {
  std::string input;
  input.reserve(3 + random.size() + user_id.size());
  input.append("sid").append(random).append(user_id);
  return input;
}

std::string mac_of(const crypto::HmacKey& key, std::string_view input) {
  std::string mac = key.mac(input);
  mac.resize(kSidMacBytes);
  return mac;
}

}  // namespace

Result<SidKeys> SidKeys::make(const SessionKeyList& keys) {
  if (Result<void> checked = check_session_keys(keys); !checked.has_value()) return checked.error();
  std::vector<crypto::HmacKey> macs;
  for (const SessionKey& key : keys) macs.emplace_back(crypto::HashKind::sha256, key.secret);
  return SidKeys(std::move(macs));
}

std::string SidKeys::issue(std::string_view user_id) const {
  std::string bytes = crypto::random_bytes(kSidRandomBytes);
  // None begins with a hyphen, which a command line would take for an option.
  while (base64url_encode(bytes).front() == '-') bytes = crypto::random_bytes(kSidRandomBytes);
  bytes += mac_of(keys_.front(), mac_input(bytes, user_id));
  return base64url_encode(bytes);
}

bool SidKeys::verify(std::string_view sid, std::string_view user_id) const {
  if (sid.size() != kSidChars) return false;
  const std::optional<std::string> bytes = base64url_decode(sid);
  if (!bytes.has_value() || bytes->size() != kSidRandomBytes + kSidMacBytes) return false;
  const std::string_view mac = std::string_view(*bytes).substr(kSidRandomBytes);
  const std::string input = mac_input(std::string_view(*bytes).substr(0, kSidRandomBytes), user_id);
  for (const crypto::HmacKey& key : keys_) {
    if (crypto::equal(mac_of(key, input), mac)) return true;
  }
  return false;
}

bool SidKeys::well_formed(std::string_view sid) { return sid.size() == kSidChars && base64url_decode(sid).has_value(); }

}  // namespace gatecast::session
