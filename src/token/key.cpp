#include "token/key.hpp"

#include <cstdlib>

#include "core/text_form.hpp"
#include "crypto/random.hpp"

namespace gatecast::token {
namespace {

constexpr std::size_t kGeneratedSecretBytes = 48;

crypto::HashKind hash_of(Algorithm a) {
  switch (a) {
    case Algorithm::hs384: return crypto::HashKind::sha384;
    case Algorithm::hs512: return crypto::HashKind::sha512;
    default: return crypto::HashKind::sha256;
  }
}

/// The members a thumbprint is made of, in the order and form RFC 7638 §3 and RFC 8037 §2 fix.
std::string okp_core(std::string_view x) {
  return fmt::format(R"({{"crv":"Ed25519","kty":"OKP","x":"{}"}})", base64url_encode(x));
}
std::string ec_core(std::string_view x, std::string_view y) {
  return fmt::format(R"({{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}})", base64url_encode(x), base64url_encode(y));
}
std::string rsa_core(const crypto::RsaPublicKey& key) {
  return fmt::format(R"({{"e":"{}","kty":"RSA","n":"{}"}})", base64url_encode(key.e()), base64url_encode(key.n()));
}

/// Visible ASCII that stands in JSON, logs and shells as it is.
bool good_kid(std::string_view kid) {
  return kid.size() <= kMaxKeyIdBytes &&
         std::all_of(kid.begin(), kid.end(), [](char c) { return c > ' ' && c < 0x7F && c != '"' && c != '\\'; });
}

Error bad_kid() {
  return fail(Errc::config_invalid,
              fmt::format("a key id has at most {} visible ASCII characters, no quotes, no backslash", kMaxKeyIdBytes));
}

std::string without_colons(std::string text) {
  std::erase(text, ':');
  return text;
}

}  // namespace

std::string fingerprint(std::string_view key_bytes) {
  std::string text = hex_encode(crypto::sha256(key_bytes).substr(0, 8));
  for (const std::size_t at : {12U, 8U, 4U}) text.insert(at, 1, ':');
  return text;
}

Key::Key(Algorithm algorithm, Material material, std::string jwk_core, std::string fingerprint, std::string kid)
    : kid_(std::move(kid)),
      algorithm_(algorithm),
      material_(std::move(material)),
      jwk_core_(std::move(jwk_core)),
      fingerprint_(std::move(fingerprint)) {
  access_header_ = base64url_encode(fmt::format(R"({{"typ":"at+jwt","alg":"{}","kid":"{}"}})", name(algorithm_), kid_));
}

Result<Key> Key::from_secret(Algorithm algorithm, const Secret& text, SecretEncoding encoding, std::string kid,
                             WeakSecrets weak) {
  if (!symmetric(algorithm)) {
    return fail(Errc::config_invalid, fmt::format("{} takes a key file, not a secret", name(algorithm)));
  }
  if (!good_kid(kid)) return bad_kid();
  auto bytes = decode_secret(text, encoding);
  if (!bytes) return std::move(bytes.error());
  if (bytes->empty()) return fail(Errc::secret_missing, "the secret is empty");
  if (weak == WeakSecrets::refuse) {
    // Base64 of a placeholder is one as well, and so is a placeholder that happens to be base64.
    for (const Secret* form : {std::as_const(bytes).operator->(), &text}) {
      if (auto strong = check_strength(*form); !strong) return std::move(strong.error());
    }
  }
  std::string print = token::fingerprint(bytes->expose());
  if (kid.empty()) kid = without_colons(print);
  return Key(algorithm, crypto::HmacKey(hash_of(algorithm), *bytes), {}, std::move(print), std::move(kid));
}

Result<Key> Key::from_pem(const Secret& pem, std::string kid) {
  auto key = crypto::read_pem(pem);
  if (!key) return std::move(key.error());
  return from_private(*std::move(key), std::move(kid));
}

Result<Key> Key::asymmetric(Algorithm algorithm, Material material, std::string_view public_bytes, std::string jwk_core,
                            std::string kid) {
  if (!good_kid(kid)) return bad_kid();
  if (kid.empty()) kid = base64url_encode(crypto::sha256(jwk_core));
  std::string print = token::fingerprint(public_bytes);
  return Key(algorithm, std::move(material), std::move(jwk_core), std::move(print), std::move(kid));
}

Result<Key> Key::from_private(crypto::PrivateKey key, std::string kid) {
  if (auto* ed25519 = std::get_if<crypto::Ed25519Key>(&key)) {
    const std::string x = ed25519->public_key();
    return asymmetric(Algorithm::eddsa, *ed25519, x, okp_core(x), std::move(kid));
  }
  if (auto* rsa = std::get_if<crypto::RsaKey>(&key)) {
    const crypto::RsaPublicKey half = rsa->public_key();
    return asymmetric(Algorithm::rs256, std::move(*rsa), half.n(), rsa_core(half), std::move(kid));
  }
  const auto& p256 = std::get<crypto::P256Key>(key);
  return asymmetric(Algorithm::es256, p256, p256.x() + p256.y(), ec_core(p256.x(), p256.y()), std::move(kid));
}

Result<Key> Key::from_public(crypto::PublicKey key, std::string kid) {
  if (auto* ed25519 = std::get_if<crypto::Ed25519PublicKey>(&key)) {
    return asymmetric(Algorithm::eddsa, *ed25519, ed25519->bytes, okp_core(ed25519->bytes), std::move(kid));
  }
  if (auto* rsa = std::get_if<crypto::RsaPublicKey>(&key)) {
    return asymmetric(Algorithm::rs256, *rsa, rsa->n(), rsa_core(*rsa), std::move(kid));
  }
  const auto& p256 = std::get<crypto::P256Point>(key);
  return asymmetric(Algorithm::es256, p256, p256.x + p256.y, ec_core(p256.x, p256.y), std::move(kid));
}

Key Key::generate(Algorithm algorithm) {
  if (symmetric(algorithm)) {
    return *from_secret(algorithm, Secret(base64_encode(crypto::random_bytes(kGeneratedSecretBytes))),
                        SecretEncoding::base64, {}, WeakSecrets::allow);
  }
  if (algorithm == Algorithm::eddsa) return *from_private(crypto::Ed25519Key::generate());
  if (algorithm == Algorithm::rs256) return *from_private(crypto::RsaKey::generate());
  return *from_private(crypto::P256Key::generate());
}

bool Key::can_sign() const {
  return std::holds_alternative<crypto::HmacKey>(material_) || std::holds_alternative<crypto::Ed25519Key>(material_) ||
         std::holds_alternative<crypto::P256Key>(material_) || std::holds_alternative<crypto::RsaKey>(material_);
}

std::string Key::sign(std::string_view signing_input) const {
  if (const auto* hmac = std::get_if<crypto::HmacKey>(&material_)) return hmac->mac(signing_input);
  if (const auto* ed25519 = std::get_if<crypto::Ed25519Key>(&material_)) return ed25519->sign(signing_input);
  if (const auto* p256 = std::get_if<crypto::P256Key>(&material_)) return p256->sign(signing_input);
  if (const auto* rsa = std::get_if<crypto::RsaKey>(&material_)) return rsa->sign(signing_input);
  std::abort();
}

bool Key::verify(std::string_view signing_input, std::string_view signature) const {
  struct Check {
    std::string_view input, signature;
    bool operator()(const crypto::HmacKey& key) const { return key.verify(input, signature); }
    bool operator()(const crypto::Ed25519Key& key) const {
      return crypto::ed25519_verify(key.public_key(), input, signature);
    }
    bool operator()(const crypto::Ed25519PublicKey& key) const {
      return crypto::ed25519_verify(key.bytes, input, signature);
    }
    bool operator()(const crypto::P256Key& key) const { return key.verify(input, signature); }
    bool operator()(const crypto::P256Point& key) const { return key.key.verify(input, signature); }
    bool operator()(const crypto::RsaKey& key) const { return key.public_key().verify(input, signature); }
    bool operator()(const crypto::RsaPublicKey& key) const { return key.verify(input, signature); }
  };
  return std::visit(Check{signing_input, signature}, material_);
}

std::string Key::public_jwk() const {
  if (symmetric(algorithm_)) return {};
  std::string jwk = jwk_core_;
  jwk.pop_back();
  return fmt::format(R"({},"kid":"{}","alg":"{}","use":"sig"}})", jwk, kid_, name(algorithm_));
}

Secret Key::pem() const {
  if (const auto* ed25519 = std::get_if<crypto::Ed25519Key>(&material_)) return crypto::write_pem(*ed25519);
  if (const auto* p256 = std::get_if<crypto::P256Key>(&material_)) return crypto::write_pem(*p256);
  if (const auto* rsa = std::get_if<crypto::RsaKey>(&material_)) return crypto::write_pem(*rsa);
  return {};
}

}  // namespace gatecast::token
