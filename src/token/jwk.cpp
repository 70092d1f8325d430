#include "token/jwk.hpp"

#include "core/text_form.hpp"
#include "token/json_object.hpp"

namespace gatecast::token {
namespace {

constexpr std::size_t kMaxKeyOps = 16;

Error invalid(std::string why) { return fail(Errc::key_invalid, std::move(why)); }

/// A member of text; empty where it is missing or of another kind.
std::string text_of(const JsonObject& jwk, std::string_view which) {
  const JsonMember* member = jwk.find(which);
  return member ? json_string(*member).value_or("") : "";
}

Result<std::string> bytes_of(const JsonObject& jwk, std::string_view which) {
  auto bytes = base64url_decode(text_of(jwk, which));
  if (!bytes || bytes->empty()) return invalid(fmt::format("JWK member {} is missing or not base64url", which));
  return *std::move(bytes);
}

/// Whether the key is said to be for signatures, or nothing is said.
Result<void> check_purpose(const JsonObject& jwk) {
  if (jwk.find("use") && text_of(jwk, "use") != "sig") return invalid("the JWK's use is not sig");
  const JsonMember* ops = jwk.find("key_ops");
  if (!ops) return {};
  const auto names = json_strings(*ops, kMaxKeyOps);
  if (!names || std::find(names->begin(), names->end(), "verify") == names->end()) {
    return invalid("the JWK's key_ops do not hold verify");
  }
  return {};
}

/// Refuses a key that names another algorithm than the one its kind has here.
Result<void> check_algorithm(const JsonObject& jwk, Algorithm wanted) {
  if (jwk.find("alg") && text_of(jwk, "alg") != name(wanted)) {
    return invalid(fmt::format("the JWK's alg is not {}", name(wanted)));
  }
  return {};
}

Result<Key> read_secret(const JsonObject& jwk, std::string kid, WeakSecrets weak) {
  Algorithm algorithm = Algorithm::hs256;
  if (jwk.find("alg")) {
    const auto named = algorithm_from_name(text_of(jwk, "alg"));
    if (!named || !symmetric(*named)) return invalid("the JWK's alg is not HS256, HS384 or HS512");
    algorithm = *named;
  }
  auto bytes = bytes_of(jwk, "k");
  if (!bytes) return std::move(bytes.error());
  const Secret secret(*std::move(bytes));
  return Key::from_secret(algorithm, Secret(base64_encode(secret.expose())), SecretEncoding::base64, std::move(kid),
                          weak);
}

Result<Key> read_okp(const JsonObject& jwk, std::string kid) {
  if (text_of(jwk, "crv") != "Ed25519") return invalid("the JWK's curve is not Ed25519");
  if (auto good = check_algorithm(jwk, Algorithm::eddsa); !good) return std::move(good.error());
  auto x = bytes_of(jwk, "x");
  if (!x) return std::move(x.error());
  if (crypto::ed25519_is_weak(*x)) return invalid("a weak Ed25519 key, or not 32 bytes");
  return Key::from_public(crypto::Ed25519PublicKey{*std::move(x)}, std::move(kid));
}

Result<Key> read_ec(const JsonObject& jwk, std::string kid) {
  if (text_of(jwk, "crv") != "P-256") return invalid("the JWK's curve is not P-256");
  if (auto good = check_algorithm(jwk, Algorithm::es256); !good) return std::move(good.error());
  auto x = bytes_of(jwk, "x");
  if (!x) return std::move(x.error());
  auto y = bytes_of(jwk, "y");
  if (!y) return std::move(y.error());
  auto key = crypto::P256PublicKey::from_xy(*x, *y);
  if (!key) return std::move(key.error());
  return Key::from_public(crypto::P256Point{*std::move(key), *std::move(x), *std::move(y)}, std::move(kid));
}

Result<Key> read_rsa(const JsonObject& jwk, std::string kid) {
  if (auto good = check_algorithm(jwk, Algorithm::rs256); !good) return std::move(good.error());
  auto n = bytes_of(jwk, "n");
  if (!n) return std::move(n.error());
  auto e = bytes_of(jwk, "e");
  if (!e) return std::move(e.error());
  auto key = crypto::RsaPublicKey::from_ne(*n, *e);
  if (!key) return std::move(key.error());
  return Key::from_public(*std::move(key), std::move(kid));
}

Result<ForeignKey> read_one(const JsonObject& jwk, SymmetricKeys symmetric_keys, WeakSecrets weak) {
  if (auto good = check_purpose(jwk); !good) return std::move(good.error());
  std::string kid = text_of(jwk, "kid");
  if (jwk.find("kid") && kid.empty()) return invalid("the JWK's kid is no text");
  const bool named = !kid.empty();
  const std::string kty = text_of(jwk, "kty");
  Result<Key> key = invalid("the JWK's kty is not oct, EC, OKP or RSA");
  if (kty == "oct") {
    if (symmetric_keys == SymmetricKeys::refuse) return invalid("a secret in a published key set");
    key = read_secret(jwk, std::move(kid), weak);
  } else if (kty == "OKP") {
    key = read_okp(jwk, std::move(kid));
  } else if (kty == "EC") {
    key = read_ec(jwk, std::move(kid));
  } else if (kty == "RSA") {
    key = read_rsa(jwk, std::move(kid));
  }
  if (!key) return std::move(key.error());
  return ForeignKey{*std::move(key), named};
}

}  // namespace

Result<ForeignKey> read_jwk(std::string_view json, SymmetricKeys symmetric_keys, WeakSecrets weak) {
  if (json.size() > kMaxKeySetBytes) return invalid("the JWK is too long");
  const auto jwk = JsonObject::parse(json);
  if (!jwk) return invalid("the JWK is not one JSON object");
  return read_one(*jwk, symmetric_keys, weak);
}

Result<std::vector<ForeignKey>> read_jwks(std::string_view json, SymmetricKeys symmetric_keys, WeakSecrets weak) {
  if (json.size() > kMaxKeySetBytes) return invalid("the key set is too long");
  const auto set = JsonObject::parse(json);
  if (!set) return invalid("the key set is not one JSON object");
  std::vector<ForeignKey> keys;
  const JsonMember* list = set->find("keys");
  if (!list) {
    auto one = read_one(*set, symmetric_keys, weak);
    if (!one) return std::move(one.error());
    keys.push_back(*std::move(one));
    return keys;
  }
  const auto items = json_items(*list, kMaxKeySetKeys);
  if (!items) return invalid(fmt::format("`keys` is not an array of at most {} keys", kMaxKeySetKeys));
  Error last = invalid("the key set is empty");
  for (const std::string_view item : *items) {
    auto key = read_jwk(item, symmetric_keys, weak);
    if (key) {
      keys.push_back(*std::move(key));
    } else {
      last = std::move(key.error());
    }
  }
  if (keys.empty()) return last;
  return keys;
}

}  // namespace gatecast::token
