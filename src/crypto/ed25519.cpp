#include "crypto/ed25519.hpp"

#include <sodium.h>

#include <cstdlib>

#include "crypto/random.hpp"
#include "crypto/sodium_ready.hpp"

namespace gatecast::crypto {
namespace {

using Point = std::array<std::uint8_t, crypto_core_ed25519_BYTES>;

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

/// y of the points of order 1, 2, 4 and 8, little-endian; the sign of x is left out. Non-canonical forms are refused
/// before, so p and p+1, other names of 0 and 1, are not among them.
constexpr std::array<Point, 5> kSmallOrderY = {{
    {0x01},
    {0x00},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
     0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
     0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
}};

/// Whether y, with the sign bit cleared, is below p = 2^255 - 19.
bool canonical(const Point& y) {
  if (y[0] < 0xed || y[31] != 0x7f) return true;
  return std::any_of(y.begin() + 1, y.begin() + 31, [](std::uint8_t byte) { return byte != 0xff; });
}

}  // namespace

bool ed25519_is_weak(std::string_view public_key32) {
  Point y{};
  if (public_key32.size() != y.size()) return true;
  std::memcpy(y.data(), public_key32.data(), y.size());
  y[31] &= 0x7f;
  if (!canonical(y)) return true;
  if (std::find(kSmallOrderY.begin(), kSmallOrderY.end(), y) != kSmallOrderY.end()) return true;
  // Adding decodes its operands, and that is the one public way to ask whether they lie on the curve without paying for
  // a multiplication.
  sodium_ready();
  Point sum{};
  return crypto_core_ed25519_add(sum.data(), bytes(public_key32), bytes(public_key32)) != 0;
}

bool ed25519_verify(std::string_view public_key32, std::string_view message, std::string_view signature64) {
  if (public_key32.size() != crypto_sign_PUBLICKEYBYTES || signature64.size() != crypto_sign_BYTES) return false;
  sodium_ready();
  return crypto_sign_verify_detached(bytes(signature64), bytes(message), message.size(), bytes(public_key32)) == 0;
}

Ed25519Key::Ed25519Key(const Secret& seed32) {
  sodium_ready();
  std::string expanded(crypto_sign_SECRETKEYBYTES, '\0');
  Point public_key{};
  crypto_sign_seed_keypair(public_key.data(), reinterpret_cast<unsigned char*>(expanded.data()),
                           bytes(seed32.expose()));
  expanded_ = Secret(std::move(expanded));
}

Ed25519Key Ed25519Key::generate() { return Ed25519Key(Secret(random_bytes(crypto_sign_SEEDBYTES))); }

Result<Ed25519Key> Ed25519Key::from_seed(const Secret& seed32) {
  if (seed32.size() != crypto_sign_SEEDBYTES) return fail(Errc::key_invalid, "an Ed25519 seed has 32 bytes");
  return Ed25519Key(seed32);
}

std::string Ed25519Key::public_key() const { return std::string(expanded_.expose().substr(crypto_sign_SEEDBYTES)); }

Secret Ed25519Key::seed() const { return Secret(std::string(expanded_.expose().substr(0, crypto_sign_SEEDBYTES))); }

std::string Ed25519Key::sign(std::string_view message) const {
  std::string signature(crypto_sign_BYTES, '\0');
  crypto_sign_detached(reinterpret_cast<unsigned char*>(signature.data()), nullptr, bytes(message), message.size(),
                       bytes(expanded_.expose()));
  return signature;
}

}  // namespace gatecast::crypto
