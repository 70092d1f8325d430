#include "crypto/sealed.hpp"

#include <sodium.h>

#include <array>
#include <cstdlib>

#include "crypto/hash.hpp"
#include "crypto/random.hpp"
#include "crypto/sodium_ready.hpp"

namespace gatecast::crypto {
namespace {

constexpr std::size_t kNonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

SealKey::SealKey(const Secret& key, std::string_view purpose)
    : key_(hkdf_sha256(key, purpose, crypto_aead_xchacha20poly1305_ietf_KEYBYTES)) {
  sodium_ready();
}

std::string SealKey::seal(std::string_view text, std::string_view place) const {
  std::string out = random_bytes(kNonce);
  out.resize(kNonce + text.size() + kTag);
  unsigned long long length = 0;
  const int failed =
      crypto_aead_xchacha20poly1305_ietf_encrypt(bytes(out) + kNonce, &length, bytes(text), text.size(), bytes(place),
                                                 place.size(), nullptr, bytes(out), bytes(key_.expose()));
  if (failed != 0 || length != text.size() + kTag) std::abort();
  return out;
}

std::optional<std::string> SealKey::open(std::string_view sealed, std::string_view place) const {
  if (sealed.size() < kNonce + kTag) return {};
  const std::string_view cipher = sealed.substr(kNonce);
  std::string out(cipher.size() - kTag, '\0');
  unsigned long long length = 0;
  const int failed =
      crypto_aead_xchacha20poly1305_ietf_decrypt(bytes(out), &length, nullptr, bytes(cipher), cipher.size(),
                                                 bytes(place), place.size(), bytes(sealed), bytes(key_.expose()));
  if (failed != 0) return {};
  return out;
}

}  // namespace gatecast::crypto
