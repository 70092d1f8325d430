#include "token/jws.hpp"

#include "core/text_form.hpp"
#include "token/json_object.hpp"

namespace gatecast::token {
namespace {

/// Headers that bring a key, point to one, or change how the rest is read (RFC 7515 §4.1, RFC 7797).
constexpr std::string_view kRefusedHeaders[] = {"crit", "jwk", "jku", "x5u", "x5c", "b64"};

Error malformed(std::string_view why) { return fail(Errc::token_malformed, std::string(why)); }

/// Reads a header member that is text where it is there.
Result<std::optional<std::string>> optional_text(const JsonObject& header, std::string_view which) {
  const JsonMember* member = header.find(which);
  if (!member) return std::optional<std::string>{};
  auto text = json_string(*member);
  if (!text) return malformed(fmt::format("header {} is not a string", which));
  return text;
}

Result<void> read_header(std::string_view encoded, Jws& jws) {
  const auto text = base64url_decode(encoded);
  if (!text) return malformed("the header is not base64url");
  const auto header = JsonObject::parse(*text);
  if (!header) return malformed("the header is not one JSON object");
  for (const std::string_view refused : kRefusedHeaders) {
    if (header->find(refused)) return malformed(fmt::format("header {} is not accepted", refused));
  }
  auto alg = optional_text(*header, "alg");
  if (!alg) return std::move(alg.error());
  if (!*alg) return malformed("the header has no alg");
  auto kid = optional_text(*header, "kid");
  if (!kid) return std::move(kid.error());
  auto typ = optional_text(*header, "typ");
  if (!typ) return std::move(typ.error());
  jws.alg = **std::move(alg);
  jws.kid = *std::move(kid);
  jws.typ = *std::move(typ);
  return {};
}

/// Five parts whose header names a content encryption (RFC 7516 §7.1).
bool is_encrypted(std::string_view token) {
  if (std::count(token.begin(), token.end(), '.') != 4) return false;
  const auto text = base64url_decode(token.substr(0, token.find('.')));
  const auto header = text ? JsonObject::parse(*text) : std::nullopt;
  return header && header->find("enc") != nullptr;
}

Result<const Key*> check_with(const Key& key, const Jws& jws) {
  if (!key.verify(jws.signing_input, jws.signature)) {
    return fail(Errc::token_signature, fmt::format("checked with key {} {}", key.kid(), key.fingerprint()));
  }
  return &key;
}

}  // namespace

Result<JwsParts> split_jws(std::string_view token) {
  if (token.size() > kMaxTokenBytes) return malformed("the token is too long");
  const std::size_t first = token.find('.');
  const std::size_t last = token.rfind('.');
  if (first == last) return malformed("the token has fewer than three parts");
  const JwsParts parts{.header = token.substr(0, first),
                       .payload = token.substr(first + 1, last - first - 1),
                       .signature = token.substr(last + 1),
                       .signing_input = token.substr(0, last)};
  if (parts.payload.find('.') != std::string_view::npos) {
    if (is_encrypted(token)) return fail(Errc::token_encrypted, "a JWE");
    return malformed("the token has more than three parts");
  }
  return parts;
}

Result<Jws> parse_jws(std::string_view token, const KeyRing* ring) {
  const auto parts = split_jws(token);
  if (!parts) return parts.error();
  Jws jws{.signing_input = parts->signing_input};
  if (ring) jws.own = ring->find_by_header(parts->header);
  if (!jws.own) {
    if (auto read = read_header(parts->header, jws); !read) return std::move(read.error());
  }
  auto payload = base64url_decode(parts->payload);
  if (!payload) return malformed("the payload is not base64url");
  auto signature = base64url_decode(parts->signature);
  if (!signature) return malformed("the signature is not base64url");
  jws.payload = *std::move(payload);
  jws.signature = *std::move(signature);
  return jws;
}

Result<const Key*> check_signature(const Jws& jws, const KeyRing& ring, WallTime now) {
  if (jws.own || jws.kid) {
    const Key* key = jws.own;
    if (!key && jws.kid->size() <= kMaxKeyIdBytes) key = ring.find(*jws.kid);
    if (!key || !key->usable(now)) {
      return fail(Errc::token_key_unknown,
                  key ? fmt::format("key {} is retired", key->kid()) : "no key has the token's kid");
    }
    if (!jws.own && jws.alg != name(key->algorithm())) {
      return fail(Errc::token_algorithm, fmt::format("key {} is for {}", key->kid(), name(key->algorithm())));
    }
    return check_with(*key, jws);
  }
  Result<const Key*> verdict = fail(Errc::token_algorithm, "no key is for the token's algorithm");
  for (const Key& key : ring.keys()) {
    if (!key.usable(now) || jws.alg != name(key.algorithm())) continue;
    verdict = check_with(key, jws);
    if (verdict) break;
  }
  return verdict;
}

}  // namespace gatecast::token
