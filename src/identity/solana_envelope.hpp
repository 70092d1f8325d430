// What a wallet really signs: the bare text, or the text behind one of the headers of Solana's off-chain messages.
//
//   raw      text
//   v0       FF "solana offchain" | 00 | application domain 32 | format 1 | signers 1 | key 32 each | length u16 LE |
//   text legacy   FF "solana offchain" | 00 | format 1 | length u16 LE | text            (Agave's SDK, early Ledger)
// Format 0 is ASCII, 1 is UTF-8, both of at most 1212 bytes; 2 is UTF-8 of at most 65515. Ledger signs format 0
// although the text has line feeds, so they pass. Version 1 and later, and several signers, are envelope_unsupported.
//
// Place: between the bytes of a proof and the parser of the text. Pure; any thread.
// Errors: message_malformed, envelope_unsupported.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace gatecast::identity {

enum class SolanaForm : std::uint8_t { raw, v0, legacy };

inline constexpr std::size_t kApplicationDomainBytes = 32;
/// Bytes before the text in the longest header that is accepted.
inline constexpr std::size_t kMaxPreambleBytes = 17 + kApplicationDomainBytes + 1 + 1 + 32 + 2;

struct SolanaEnvelope {
  SolanaForm form = SolanaForm::raw;
  std::string application_domain{};  // v0: 32 bytes
  std::string signer{};              // v0: 32 bytes
  std::uint8_t format = 0;           // v0, legacy
  std::string text{};
};

/// Takes signed bytes apart. Bytes without the header are raw.
Result<SolanaEnvelope> open_envelope(std::string_view signed_bytes);

/// The signed bytes of an envelope. nullopt where its format cannot carry the text or a part has the wrong size.
std::optional<std::string> seal_envelope(const SolanaEnvelope& envelope);

/// A domain as v0 carries it: padded with NUL or cut to 32 bytes.
std::string application_domain(std::string_view domain);
/// The form of a wallet that was given no domain.
std::string no_application_domain();

}  // namespace gatecast::identity
