#include "session/tickets.hpp"

#include <algorithm>

#include "core/text_form.hpp"
#include "crypto/random.hpp"
#include "session/sid.hpp"

namespace gatecast::session {
namespace {

constexpr std::string_view kPrefix = "gct1.";
constexpr std::size_t kRandomBytes = 16;
constexpr std::size_t kNumberBytes = 8;
constexpr std::size_t kNumbers = 4;
constexpr std::size_t kMacBytes = 32;
constexpr std::size_t kSidAt = kRandomBytes + kNumbers * kNumberBytes;
constexpr std::size_t kUserAt = kSidAt + kSidChars;

Error invalid(const char* what) { return fail(Errc::ticket_invalid, what); }

void append_number(std::string& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    out += static_cast<char>(static_cast<unsigned char>(value >> shift & 0xff));
  }
}

std::uint64_t number_at(std::string_view bytes, std::size_t index) {
  std::uint64_t value = 0;
  for (char c : bytes.substr(kRandomBytes + index * kNumberBytes, kNumberBytes)) {
    value = value << 8 | static_cast<unsigned char>(c);
  }
  return value;
}

}  // namespace

Result<TicketKeys> TicketKeys::make(const SessionKeyList& keys) {
  Result<std::vector<crypto::HmacKey>> macs = derived_macs(keys, "ticket");
  if (!macs.has_value()) return macs.error();
  return TicketKeys(std::move(*macs));
}

bool TicketKeys::looks_like(std::string_view text) { return text.starts_with(kPrefix); }

std::string TicketKeys::write(const TicketHolder& holder, WallTime now) const {
  std::string bytes = crypto::random_bytes(kRandomBytes);
  append_number(bytes, static_cast<std::uint64_t>(unix_ms(now + kTicketLife)));
  append_number(bytes, static_cast<std::uint64_t>(holder.iat));
  append_number(bytes, static_cast<std::uint64_t>(holder.exp));
  append_number(bytes, holder.gen);
  bytes.append(holder.sid).append(holder.user_id);
  bytes += keys_.front().mac(bytes);
  return std::string(kPrefix).append(base64url_encode(bytes));
}

Result<OpenedTicket> TicketKeys::open(std::string_view ticket, WallTime now) const {
  if (ticket.size() > kTicketBytesMax) return invalid("too long");
  if (!looks_like(ticket)) return invalid("not gct1");
  const auto bytes = base64url_decode(ticket.substr(kPrefix.size()));
  if (!bytes.has_value() || bytes->size() <= kUserAt + kMacBytes) return invalid("form");
  const std::string_view body = std::string_view(*bytes).substr(0, bytes->size() - kMacBytes);
  const std::string_view mac = std::string_view(*bytes).substr(body.size());
  const bool ours = std::ranges::any_of(keys_, [&](const crypto::HmacKey& key) { return key.verify(body, mac); });
  if (!ours) return invalid("mac does not verify");
  const WallTime ends{std::chrono::milliseconds(static_cast<std::int64_t>(number_at(body, 0)))};
  if (now >= ends) return fail(Errc::ticket_expired);
  return OpenedTicket{.holder = {.user_id = std::string(body.substr(kUserAt)),
                                 .sid = std::string(body.substr(kSidAt, kSidChars)),
                                 .iat = static_cast<std::int64_t>(number_at(body, 1)),
                                 .exp = static_cast<std::int64_t>(number_at(body, 2)),
                                 .gen = number_at(body, 3)},
                      .nonce = "ticket:" + base64url_encode(body.substr(0, kRandomBytes)),
                      .ends = ends};
}

}  // namespace gatecast::session
