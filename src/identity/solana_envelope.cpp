#include "identity/solana_envelope.hpp"

#include <algorithm>

namespace gatecast::identity {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kMagic = "\xffsolana offchain"sv;
constexpr std::size_t kKeyBytes = 32;
constexpr std::uint8_t kFormatAscii = 0;
constexpr std::uint8_t kFormatExtended = 2;
// Behind the legacy header of 20 bytes: what is left of a packet of Solana's (1232 bytes), and of 65535 bytes.
constexpr std::size_t kMaxPacketText = 1212;
constexpr std::size_t kMaxExtendedText = 65515;

// Takes bytes from the front; once too few are left, everything it gives is empty.
class Bytes {
 public:
  explicit Bytes(std::string_view rest) : rest_(rest) {}
  std::string_view take(std::size_t count) {
    if (count > rest_.size()) short_ = true;
    if (short_) return {};
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  std::uint8_t byte() {
    const std::string_view one = take(1);
    return one.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(one.front());
  }
  // A text of exactly the length that its u16 (little-endian) says, up to the end; nullopt otherwise.
  std::optional<std::string_view> text() {
    const std::size_t low = byte();
    const std::size_t length = low | (std::size_t{byte()} << 8);
    if (short_ || length != rest_.size()) return std::nullopt;
    return rest_;
  }

 private:
  std::string_view rest_;
  bool short_ = false;
};

bool carries(std::uint8_t format, std::string_view text) {
  if (text.empty() || format > kFormatExtended) return false;
  if (text.size() > (format == kFormatExtended ? kMaxExtendedText : kMaxPacketText)) return false;
  return format != kFormatAscii ||
         std::ranges::all_of(text, [](char c) { return static_cast<std::uint8_t>(c) < 0x80; });
}

Error malformed(std::string_view why) { return fail(Errc::message_malformed, std::string(why)); }

// nullopt: the bytes do not have this form at all.
std::optional<Result<SolanaEnvelope>> open_v0(std::string_view rest) {
  Bytes in(rest);
  SolanaEnvelope out{.form = SolanaForm::v0};
  out.application_domain = in.take(kApplicationDomainBytes);
  out.format = in.byte();
  const std::size_t signers = in.byte();
  const std::string_view keys = in.take(signers * kKeyBytes);
  const std::optional<std::string_view> text = in.text();
  if (!text || signers == 0 || out.format > kFormatExtended) return std::nullopt;
  if (signers > 1) return fail(Errc::envelope_unsupported, "several signers");
  if (!carries(out.format, *text)) return malformed("text does not fit the format of its v0 header");
  out.signer = keys;
  out.text = *text;
  return out;
}

std::optional<Result<SolanaEnvelope>> open_legacy(std::string_view rest) {
  Bytes in(rest);
  SolanaEnvelope out{.form = SolanaForm::legacy};
  out.format = in.byte();
  const std::optional<std::string_view> text = in.text();
  if (!text || out.format > kFormatExtended) return std::nullopt;
  if (!carries(out.format, *text)) return malformed("text does not fit the format of its header");
  out.text = *text;
  return out;
}

}  // namespace

Result<SolanaEnvelope> open_envelope(std::string_view signed_bytes) {
  if (!signed_bytes.starts_with(kMagic)) {
    // 0xFF begins no UTF-8 text, so this is a header that was cut or changed.
    if (signed_bytes.starts_with('\xff')) return malformed("unknown header");
    return SolanaEnvelope{.text = std::string(signed_bytes)};
  }
  signed_bytes.remove_prefix(kMagic.size());
  if (signed_bytes.empty()) return malformed("header ends before its version");
  if (signed_bytes.front() != '\0') {
    return fail(Errc::envelope_unsupported, "off-chain message of a later version than 0");
  }
  signed_bytes.remove_prefix(1);
  // The two forms cannot be confused: what stands at the place of v0's format and count is text in the legacy form.
  if (auto envelope = open_v0(signed_bytes)) return *std::move(envelope);
  if (auto envelope = open_legacy(signed_bytes)) return *std::move(envelope);
  return malformed("off-chain header of version 0 contradicts itself");
}

std::optional<std::string> seal_envelope(const SolanaEnvelope& envelope) {
  if (envelope.form == SolanaForm::raw) return envelope.text;
  if (!carries(envelope.format, envelope.text)) return std::nullopt;
  std::string out(kMagic);
  out.push_back('\0');
  if (envelope.form == SolanaForm::v0) {
    if (envelope.application_domain.size() != kApplicationDomainBytes || envelope.signer.size() != kKeyBytes) {
      return std::nullopt;
    }
    out += envelope.application_domain;
  }
  out.push_back(static_cast<char>(envelope.format));
  if (envelope.form == SolanaForm::v0) {
    out.push_back('\x01');
    out += envelope.signer;
  }
  out.push_back(static_cast<char>(envelope.text.size() & 0xff));
  out.push_back(static_cast<char>(envelope.text.size() >> 8));
  return out += envelope.text;
}

std::string application_domain(std::string_view domain) {
  std::string out(domain.substr(0, kApplicationDomainBytes));
  out.resize(kApplicationDomainBytes, '\0');
  return out;
}

std::string no_application_domain() { return application_domain({}); }

}  // namespace gatecast::identity
