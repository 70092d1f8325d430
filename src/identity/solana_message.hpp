// The text of Sign In With Solana: a domain, an address, a statement, fields.
//
// Place: read by the verification, written for challenges. Pure; any thread. The signature is always checked over the
// bytes received, never over a text made here. The parser is strict in what ends lines and fields (UTF-8, LF as the
// only control character, no field twice, no unknown line after the first field, RFC 3339 dates that exist) and lenient
// where wallets differ: fields in any order, statements of several lines, line feeds at the end. A line of a statement
// that begins as a field does would be read as that field by others, so it is refused. Bounds: kMaxMessageBytes; one
// pass. Errors: message_malformed, message_too_large; the detail names line and reason.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "identity/message_lines.hpp"

namespace gatecast::identity {

/// An empty string or optional: the field is absent. Only `Request ID` may be present and empty, which is the same.
struct SolanaMessage {
  std::string domain;
  std::string address;
  std::string statement{};
  std::string uri{};
  std::string version{};
  std::string chain_id{};
  std::string nonce{};
  std::optional<WallTime> issued_at{};
  std::optional<WallTime> expires_at{};
  std::optional<WallTime> not_before{};
  std::string request_id{};
  std::vector<std::string> resources{};

  bool operator==(const SolanaMessage&) const = default;
};

/// Reads a message; what its fields say is not judged here.
Result<SolanaMessage> parse_solana_message(std::string_view text);

/// The domain of the first line, empty where the line is not a sign-in message's.
std::string_view solana_message_domain(std::string_view text);

/// The canonical text, fields in the order of the grammar. Of a message whose parts are well formed it is what
/// parse_solana_message reads back.
std::string format_solana_message(const SolanaMessage& message);

/// Whether `statement` can stand in a message: UTF-8 without control characters but LF, no empty first or last line, no
/// line that begins as a field does. For the configuration.
bool is_solana_statement(std::string_view statement);

}  // namespace gatecast::identity
