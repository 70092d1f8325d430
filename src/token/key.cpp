#include "token/key.hpp"

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
std::string jwk_core(Algorithm algorithm, std::string_view public_bytes) {
  if (algorithm == Algorithm::eddsa) {
    return fmt::format(R"({{"crv":"Ed25519","kty":"OKP","x":"{}"}})", base64url_encode(public_bytes));
  }
  return fmt::format(R"({{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}})", base64url_encode(public_bytes.substr(0, 32)),
                     base64url_encode(public_bytes.substr(32)));
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

Key::Key(Algorithm algorithm, Material material, std::string public_bytes, std::string fingerprint, std::string kid)
    : kid_(std::move(kid)),
      algorithm_(algorithm),
      material_(std::move(material)),
      public_bytes_(std::move(public_bytes)),
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

Result<Key> Key::from_private(crypto::PrivateKey key, std::string kid) {
  if (!good_kid(kid)) return bad_kid();
  const auto make = [&kid](Algorithm algorithm, std::string public_bytes, Material material) {
    if (kid.empty()) kid = base64url_encode(crypto::sha256(jwk_core(algorithm, public_bytes)));
    std::string print = token::fingerprint(public_bytes);
    return Key(algorithm, std::move(material), std::move(public_bytes), std::move(print), std::move(kid));
  };
  if (auto* ed25519 = std::get_if<crypto::Ed25519Key>(&key)) {
    return make(Algorithm::eddsa, ed25519->public_key(), *ed25519);
  }
  const auto& p256 = std::get<crypto::P256Key>(key);
  return make(Algorithm::es256, p256.x() + p256.y(), p256);
}

Key Key::generate(Algorithm algorithm) {
  if (symmetric(algorithm)) {
    return *from_secret(algorithm, Secret(base64_encode(crypto::random_bytes(kGeneratedSecretBytes))),
                        SecretEncoding::base64, {}, WeakSecrets::allow);
  }
  if (algorithm == Algorithm::eddsa) return *from_private(crypto::Ed25519Key::generate());
  return *from_private(crypto::P256Key::generate());
}

std::string Key::sign(std::string_view signing_input) const {
  if (const auto* hmac = std::get_if<crypto::HmacKey>(&material_)) return hmac->mac(signing_input);
  if (const auto* ed25519 = std::get_if<crypto::Ed25519Key>(&material_)) return ed25519->sign(signing_input);
  return std::get<crypto::P256Key>(material_).sign(signing_input);
}

bool Key::verify(std::string_view signing_input, std::string_view signature) const {
  if (const auto* hmac = std::get_if<crypto::HmacKey>(&material_)) return hmac->verify(signing_input, signature);
  if (std::holds_alternative<crypto::Ed25519Key>(material_)) {
    return crypto::ed25519_verify(public_bytes_, signing_input, signature);
  }
  return std::get<crypto::P256Key>(material_).verify(signing_input, signature);
}

std::string Key::public_jwk() const {
  if (symmetric(algorithm_)) return {};
  std::string jwk = jwk_core(algorithm_, public_bytes_);
  jwk.pop_back();
  return fmt::format(R"({},"kid":"{}","alg":"{}","use":"sig"}})", jwk, kid_, name(algorithm_));
}

Secret Key::pem() const {
  if (const auto* ed25519 = std::get_if<crypto::Ed25519Key>(&material_)) return crypto::write_pem(*ed25519);
  if (const auto* p256 = std::get_if<crypto::P256Key>(&material_)) return crypto::write_pem(*p256);
  return {};
}

}  // namespace gatecast::token
