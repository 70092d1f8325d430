// SHA-2, HMAC (RFC 2104) and HKDF (RFC 5869).
//
// Place: under everything that makes or checks a mac. Threads: any; nothing here is shared that changes.
// An HmacKey has hashed its two pads once: a mac then costs the message's own blocks and two more (0.4 µs for a token,
// against 3.5 µs with the library's keyed contexts). Its copies share one immutable state, wiped with the last of them.
// Results are raw bytes. Errors: none; a wrong size asked of HKDF is a broken invariant and aborts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/secret.hpp"

namespace gatecast::crypto {

enum class HashKind : std::uint8_t { sha256, sha384, sha512 };

/// Bytes of a digest: 32, 48, 64.
std::size_t hash_size(HashKind kind);

std::string sha256(std::string_view message);
std::string sha384(std::string_view message);
std::string sha512(std::string_view message);

std::string hmac(HashKind kind, std::string_view key, std::string_view message);

class HmacKey {
 public:
  HmacKey(HashKind kind, const Secret& key);
  std::string mac(std::string_view message) const;
  /// Compares in constant time; false also where `mac` has another length.
  bool verify(std::string_view message, std::string_view mac) const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

/// Extract and expand in one: `bytes` (at most 8160) of key material for the purpose that `info` names.
Secret hkdf_sha256(const Secret& key, std::string_view info, std::size_t bytes, std::string_view salt = {});

}  // namespace gatecast::crypto
