#include "session/refresh_token.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/text_form.hpp"
#include "crypto/random.hpp"
#include "session/sid.hpp"

namespace gatecast::session {
namespace {

constexpr std::string_view kVersion = "gcr1";
constexpr std::size_t kParts = 6;
constexpr std::size_t kMacBytes = 32;
constexpr std::size_t kDerivedIdBytes = 6;
constexpr std::size_t kGenerationDigitsMax = 16;

Error invalid(const char* what) { return fail(Errc::refresh_invalid, what); }

bool is_key_id(std::string_view id) {
  return !id.empty() && id.size() <= kRefreshKeyIdCharsMax && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::optional<std::uint64_t> generation_of(std::string_view digits) {
  if (digits.empty() || digits.size() > kGenerationDigitsMax || digits.front() == '0') return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size() || value > kGenerationMax) return std::nullopt;
  return value;
}

bool is_base64url_of(std::string_view text, std::size_t bytes) {
  const auto decoded = base64url_decode(text);
  return decoded.has_value() && decoded->size() == bytes;
}

}  // namespace

Result<RefreshTokenText> parse_refresh_token(std::string_view token) {
  if (token.size() > kRefreshTokenBytesMax) return invalid("too long");
  std::array<std::string_view, kParts> parts;
  std::string_view rest = token;
  for (std::size_t i = 0; i < kParts; ++i) {
    const auto point = rest.find('.');
    if ((point == std::string_view::npos) != (i + 1 == kParts)) return invalid("not six parts");
    parts[i] = rest.substr(0, point);
    if (point != std::string_view::npos) rest.remove_prefix(point + 1);
  }
  const auto generation = generation_of(parts[3]);
  if (parts[0] != kVersion) return invalid("not gcr1");
  if (!is_key_id(parts[1])) return invalid("key id");
  if (!SidKeys::well_formed(parts[2])) return invalid("sid");
  if (!generation) return invalid("generation");
  if (!is_base64url_of(parts[4], kRefreshSecretBytes)) return invalid("secret");
  if (!is_base64url_of(parts[5], kMacBytes)) return invalid("mac");
  return RefreshTokenText{.key_id = parts[1],
                          .sid = parts[2],
                          .generation = *generation,
                          .secret = parts[4],
                          .mac = parts[5],
                          .signed_part = token.substr(0, token.size() - parts[5].size() - 1)};
}

Result<RefreshKeys> RefreshKeys::make(const SessionKeyList& keys) {
  if (Result<void> checked = check_session_keys(keys); !checked.has_value()) return checked.error();
  std::vector<Key> made;
  for (const SessionKey& key : keys) {
    crypto::HmacKey mac = derived_mac(key, "refresh");
    std::string id = is_key_id(key.id) ? key.id : base64url_encode(mac.mac("key id").substr(0, kDerivedIdBytes));
    made.push_back({std::move(id), std::move(mac)});
  }
  return RefreshKeys(std::move(made));
}

std::string RefreshKeys::write(std::string_view sid, std::uint64_t generation, std::string_view secret) const {
  const Key& key = keys_.front();
  std::string token = fmt::format("{}.{}.{}.{}.{}", kVersion, key.id, sid, generation, secret);
  const std::string mac = base64url_encode(key.mac.mac(token));
  return token.append(1, '.').append(mac);
}

Result<RefreshToken> RefreshKeys::open(std::string_view token) const {
  Result<RefreshTokenText> text = parse_refresh_token(token);
  if (!text.has_value()) return text.error();
  const std::string mac = base64url_decode(text->mac).value_or("");
  for (const Key& key : keys_) {
    if (key.id != text->key_id || !key.mac.verify(text->signed_part, mac)) continue;
    return RefreshToken{std::string(text->sid), text->generation, std::string(text->secret)};
  }
  return invalid("mac does not verify");
}

std::string RefreshKeys::new_secret() { return base64url_encode(crypto::random_bytes(kRefreshSecretBytes)); }

std::string RefreshKeys::hash(std::string_view secret) {
  return crypto::sha256(base64url_decode(secret).value_or(std::string(secret)));
}

}  // namespace gatecast::session
