// ES256: ECDSA over P-256 with SHA-256 (RFC 7518 §3.4), signatures as 64 bytes r ‖ s.
//
// Place: under token. Threads: any; a key is immutable after it was made, and its copies share it.
// Errors: key material that is not a P-256 key is `key_invalid`; a signature that does not verify is `false`.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "core/secret.hpp"

struct evp_pkey_st;

namespace gatecast::crypto {

/// The public half: a point on the curve.
class P256PublicKey {
 public:
  /// Coordinates of 32 bytes each; `key_invalid` where they are no point of the curve.
  static Result<P256PublicKey> from_xy(std::string_view x, std::string_view y);
  bool verify(std::string_view message, std::string_view signature64) const;

 private:
  explicit P256PublicKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  std::shared_ptr<evp_pkey_st> key_;
};

class P256Key {
 public:
  static P256Key generate();
  /// The private scalar `d` of a JWK, 32 bytes; the public point is computed from it.
  static Result<P256Key> from_jwk_d(const Secret& d32);
  /// SEC1 or PKCS#8, unencrypted.
  static Result<P256Key> from_pem(const Secret& pem);

  const std::string& x() const { return x_; }
  const std::string& y() const { return y_; }
  std::string sign(std::string_view message) const;
  bool verify(std::string_view message, std::string_view signature64) const;
  /// PKCS#8.
  Secret pem() const;

  /// Takes over an OpenSSL key; `key_invalid` unless it is a private one on P-256.
  static Result<P256Key> adopt(std::shared_ptr<evp_pkey_st> key);

 private:
  P256Key(std::shared_ptr<evp_pkey_st> key, std::string x, std::string y)
      : key_(std::move(key)), x_(std::move(x)), y_(std::move(y)) {}
  std::shared_ptr<evp_pkey_st> key_;
  std::string x_, y_;
};

bool p256_verify(std::string_view x, std::string_view y, std::string_view message, std::string_view signature64);

}  // namespace gatecast::crypto
