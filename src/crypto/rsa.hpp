// RS256: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3), for issuers that have no better key.
//
// Place: under token. Threads: any; a key is immutable after it was made, and its copies share it.
// Bounds: moduli of 2048 to 8192 bits (a longer one is a way to make verifying slow), public exponents odd, from 3 to
// 2^64. Errors: key material beyond them is `key_invalid`; a signature that does not verify is `false`.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "core/secret.hpp"

struct evp_pkey_st;

namespace gatecast::crypto {

class RsaPublicKey {
 public:
  /// Modulus and exponent as big-endian bytes without leading zeros, as a JWK has them.
  static Result<RsaPublicKey> from_ne(std::string_view n, std::string_view e);
  /// Takes over an OpenSSL key's public half.
  static Result<RsaPublicKey> adopt(std::shared_ptr<evp_pkey_st> key);

  const std::string& n() const { return n_; }
  const std::string& e() const { return e_; }
  bool verify(std::string_view message, std::string_view signature) const;

 private:
  RsaPublicKey(std::shared_ptr<evp_pkey_st> key, std::string n, std::string e)
      : key_(std::move(key)), n_(std::move(n)), e_(std::move(e)) {}
  std::shared_ptr<evp_pkey_st> key_;
  std::string n_, e_;
};

class RsaKey {
 public:
  static constexpr unsigned kGeneratedBits = 3072;  // 128 bits of strength (NIST SP 800-57)

  static RsaKey generate(unsigned bits = kGeneratedBits);
  /// PKCS#8 or PKCS#1, unencrypted.
  static Result<RsaKey> from_pem(const Secret& pem);
  /// Takes over an OpenSSL key; `key_invalid` unless it is a private RSA key whose parts belong together.
  static Result<RsaKey> adopt(std::shared_ptr<evp_pkey_st> key);

  const RsaPublicKey& public_key() const { return public_key_; }
  std::string sign(std::string_view message) const;
  /// PKCS#8.
  Secret pem() const;

 private:
  RsaKey(std::shared_ptr<evp_pkey_st> key, RsaPublicKey public_key)
      : key_(std::move(key)), public_key_(std::move(public_key)) {}
  std::shared_ptr<evp_pkey_st> key_;
  RsaPublicKey public_key_;
};

}  // namespace gatecast::crypto
