#include "session/nonce.hpp"

#include "core/text_form.hpp"
#include "crypto/constant_time.hpp"
#include "crypto/random.hpp"
#include "session/sid.hpp"

namespace gatecast::session {
namespace {

constexpr std::size_t kRandomBytes = 12;
constexpr std::size_t kExpiryBytes = 4;
constexpr std::size_t kFlagsAt = kRandomBytes + kExpiryBytes;
constexpr std::size_t kMacAt = kFlagsAt + 1;
constexpr std::size_t kMacBytes = 15;
constexpr std::size_t kNonceBytes = kMacAt + kMacBytes;
// 32 bytes in base58: what is longer is not decoded at all.
constexpr std::size_t kNonceCharsMax = 44;
constexpr std::uint8_t kAnyAddress = 0x80;

char byte(std::uint64_t value) { return static_cast<char>(static_cast<unsigned char>(value & 0xff)); }
std::uint8_t flags_of(std::string_view head) { return static_cast<std::uint8_t>(head[kFlagsAt]); }

void append_field(std::string& out, std::string_view field) {
  out += byte(field.size() >> 8);
  out += byte(field.size());
  out += field;
}

/// The mac over a scope and a nonce's head (random ‖ expiry ‖ flags); the flags of the head decide.
std::string mac_of(const crypto::HmacKey& key, const NonceScope& scope, std::string_view head) {
  const bool any_address = (flags_of(head) & kAnyAddress) != 0;
  std::string input(1, head[kFlagsAt]);
  append_field(input, scope.chain);
  append_field(input, any_address ? std::string_view{} : scope.address);
  append_field(input, scope.origin);
  input += head.substr(0, kFlagsAt);
  std::string mac = key.mac(input);
  mac.resize(kMacBytes);
  return mac;
}

std::int64_t expiry_of(std::string_view head) {
  std::int64_t seconds = 0;
  for (char c : head.substr(kRandomBytes, kExpiryBytes)) seconds = seconds << 8 | static_cast<unsigned char>(c);
  return seconds;
}

}  // namespace

Result<NonceKeys> NonceKeys::make(const SessionKeyList& keys) {
  Result<std::vector<crypto::HmacKey>> macs = derived_macs(keys, "nonce");
  if (!macs.has_value()) return macs.error();
  return NonceKeys(std::move(*macs));
}

std::string NonceKeys::issue(const NonceScope& scope, WallTime expires) const {
  std::string bytes = crypto::random_bytes(kRandomBytes);
  const auto seconds = static_cast<std::uint64_t>(unix_seconds(expires));
  for (int shift = 24; shift >= 0; shift -= 8) bytes += byte(seconds >> shift);
  const auto purpose = static_cast<std::uint8_t>(scope.purpose);
  bytes += byte(scope.address.empty() ? purpose | kAnyAddress : purpose);
  bytes += mac_of(keys_.front(), scope, bytes);
  return base58_encode(bytes);
}

Result<OpenedNonce> NonceKeys::open(std::string_view nonce, const NonceScope& scope, WallTime now) const {
  if (nonce.size() > kNonceCharsMax) return fail(Errc::nonce_invalid, "length");
  const std::optional<std::string> bytes = base58_decode(nonce);
  if (!bytes.has_value() || bytes->size() != kNonceBytes) return fail(Errc::nonce_invalid, "form");
  const std::string_view head = std::string_view(*bytes).substr(0, kMacAt);
  const std::string_view mac = std::string_view(*bytes).substr(kMacAt);
  bool ours = false;
  for (const crypto::HmacKey& key : keys_) ours = ours || crypto::equal(mac_of(key, scope, head), mac);
  if (!ours) return fail(Errc::nonce_invalid, "mac, or another chain, address or origin");
  const std::uint8_t flags = flags_of(head);
  if ((flags & ~kAnyAddress) != static_cast<std::uint8_t>(scope.purpose)) return fail(Errc::nonce_purpose);
  const WallTime expires = from_unix_seconds(expiry_of(head));
  if (now >= expires) return fail(Errc::nonce_expired);
  return OpenedNonce{expires, (flags & kAnyAddress) == 0};
}

}  // namespace gatecast::session
