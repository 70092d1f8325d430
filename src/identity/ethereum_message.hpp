// The text of Sign-In with Ethereum (EIP-4361).
//
// Place: read by the verification, written for challenges. Pure; any thread. The signature is always checked over the
// bytes received, never over a text made here. The parser follows the grammar: fields in its order, the first five
// required, ASCII, nothing after the last line. One leniency: without a statement, one blank line before the fields is
// read like the two of the grammar, as several libraries write it. Form is judged here, meaning by verify_ethereum.
// Bounds: kMaxMessageBytes; one pass. Errors: message_malformed, message_too_large, address_checksum; the detail names
// line and reason.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "identity/message_lines.hpp"

namespace gatecast::identity {

/// An empty string or optional: absent. `Request ID` and `Resources` may be present and empty, which is the same.
struct EthereumMessage {
  std::string scheme{};  // of `scheme://` before the domain
  std::string domain;
  std::string address;  // as written
  std::string statement{};
  std::string uri;
  std::string version = "1";
  std::uint64_t chain_id = 0;
  std::string nonce;
  WallTime issued_at;
  std::optional<WallTime> expires_at{};
  std::optional<WallTime> not_before{};
  std::string request_id{};
  std::vector<std::string> resources{};

  bool operator==(const EthereumMessage&) const = default;
};

Result<EthereumMessage> parse_ethereum_message(std::string_view text);

/// The canonical text. Of a message whose parts are well formed it is what parse_ethereum_message reads back.
std::string format_ethereum_message(const EthereumMessage& message);

/// Whether `statement` can stand in a message: one line of the grammar's characters, which are the reserved and
/// unreserved ones of URIs and the space, and not the beginning of a field. For the configuration.
bool is_ethereum_statement(std::string_view statement);

}  // namespace gatecast::identity
