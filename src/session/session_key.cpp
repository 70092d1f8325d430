#include "session/session_key.hpp"

namespace gatecast::session {
namespace {

constexpr std::size_t kDerivedKeyBytes = 32;

}  // namespace

Result<void> check_session_keys(const SessionKeyList& keys) {
  if (keys.empty()) return fail(Errc::secret_missing, "session.key: no key");
  for (const SessionKey& key : keys) {
    if (key.secret.size() < kSessionKeyBytesMin) return fail(Errc::secret_weak, "session.key: " + key.id);
  }
  return {};
}

crypto::HmacKey derived_mac(const SessionKey& key, std::string_view use) {
  return {crypto::HashKind::sha256, crypto::hkdf_sha256(key.secret, use, kDerivedKeyBytes)};
}

Result<std::vector<crypto::HmacKey>> derived_macs(const SessionKeyList& keys, std::string_view use) {
  if (Result<void> checked = check_session_keys(keys); !checked.has_value()) return checked.error();
  std::vector<crypto::HmacKey> macs;
  for (const SessionKey& key : keys) macs.push_back(derived_mac(key, use));
  return macs;
}

}  // namespace gatecast::session
