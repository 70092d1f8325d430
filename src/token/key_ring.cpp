#include "token/key_ring.hpp"

namespace gatecast::token {

Result<KeyRing> KeyRing::make(std::vector<Key> keys) {
  if (keys.empty()) return fail(Errc::config_invalid, "there is no token key");
  if (keys.size() > kMaxRingKeys) return fail(Errc::config_invalid, fmt::format("over {} token keys", kMaxRingKeys));
  if (!keys.front().can_sign()) return fail(Errc::config_invalid, "the first token key has no private part");
  for (std::size_t i = 0; i < keys.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (keys[i].kid() == keys[j].kid()) {
        return fail(Errc::config_invalid, fmt::format("two token keys have the id {}", keys[i].kid()));
      }
    }
  }
  return KeyRing(std::move(keys));
}

const Key* KeyRing::find(std::string_view kid) const {
  for (const Key& key : keys_) {
    if (key.kid() == kid) return &key;
  }
  return nullptr;
}

const Key* KeyRing::find_by_header(std::string_view encoded_header) const {
  for (const Key& key : keys_) {
    if (key.access_header() == encoded_header) return &key;
  }
  return nullptr;
}

std::string KeyRing::jwks_json(WallTime now) const {
  std::string out = R"({"keys":[)";
  bool first = true;
  for (const Key& key : keys_) {
    if (symmetric(key.algorithm()) || !key.usable(now)) continue;
    if (!first) out += ',';
    first = false;
    out += key.public_jwk();
  }
  out += "]}";
  return out;
}

}  // namespace gatecast::token
