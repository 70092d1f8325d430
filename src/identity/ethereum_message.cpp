#include "identity/ethereum_message.hpp"

#include <fmt/format.h>

#include <charconv>

#include "core/time_text.hpp"
#include "identity/ethereum_address.hpp"
#include "identity/plain_text.hpp"
#include "identity/uri_text.hpp"

namespace gatecast::identity {
namespace {

constexpr std::string_view kFirstLineEnd = " wants you to sign in with your Ethereum account:";
constexpr std::string_view kSchemeEnd = "://";
constexpr std::string_view kUri = "URI: ";
constexpr std::string_view kVersion = "Version: ";
constexpr std::string_view kChainId = "Chain ID: ";
constexpr std::string_view kNonce = "Nonce: ";
constexpr std::string_view kIssuedAt = "Issued At: ";
constexpr std::string_view kExpirationTime = "Expiration Time: ";
constexpr std::string_view kNotBefore = "Not Before: ";
constexpr std::string_view kRequestId = "Request ID: ";
constexpr std::string_view kResources = "Resources:";
constexpr std::string_view kResource = "- ";

// Takes the lines from the first to the last. What a function reads stands at `line_`, which it leaves behind itself.
class Parser {
 public:
  explicit Parser(std::string_view text) : lines_(lines_of(text)) {}

  Result<EthereumMessage> parse() {
    using Step = Result<void> (Parser::*)();
    for (const Step step : {&Parser::first_line, &Parser::address, &Parser::statement, &Parser::required_fields,
                            &Parser::optional_fields, &Parser::resources}) {
      if (Result<void> read = (this->*step)(); !read) return std::move(read.error());
    }
    if (line_ < lines_.size()) return malformed(line_, "no field, or not in the order of the grammar");
    return std::move(out_);
  }

 private:
  bool at_end() const { return line_ == lines_.size(); }
  bool at_blank_line() const { return !at_end() && lines_[line_].empty(); }
  bool at_field(std::string_view label) const { return !at_end() && lines_[line_].starts_with(label); }

  Result<void> first_line() {
    std::string_view line = lines_[line_];
    if (!line.ends_with(kFirstLineEnd)) return malformed(line_, "not the first line of a sign-in message");
    line.remove_suffix(kFirstLineEnd.size());
    if (const std::size_t end = line.find(kSchemeEnd); end != std::string_view::npos) {
      out_.scheme = line.substr(0, end);
      if (!is_scheme(out_.scheme)) return malformed(line_, "no scheme before ://");
      line.remove_prefix(end + kSchemeEnd.size());
    }
    if (!is_authority(line)) return malformed(line_, "domain is no authority");
    out_.domain = line;
    ++line_;
    return {};
  }

  Result<void> address() {
    if (at_end()) return malformed(line_, "no address");
    if (const Result<std::string> lower = ethereum_address(lines_[line_]); !lower) {
      if (lower.error().code == Errc::address_checksum) return lower.error();
      return malformed(line_, "no address");
    }
    out_.address = lines_[line_++];
    return {};
  }

  // From the line after the address to the line of the URI.
  Result<void> statement() {
    if (!at_blank_line()) return malformed(line_, "no blank line after the address");
    ++line_;
    if (at_field(kUri)) return {};
    if (at_end()) return malformed(line_, "no fields");
    if (!at_blank_line()) {
      if (!is_statement_text(lines_[line_])) return malformed(line_, "character that a statement cannot have");
      out_.statement = lines_[line_++];
    }
    if (!at_blank_line()) return malformed(line_, "no blank line before the fields");
    ++line_;
    return {};
  }

  Result<void> required_fields() {
    if (!take(kUri) || !is_uri(value_)) return malformed(line_, "no URI");
    out_.uri = value_;
    ++line_;
    if (!take(kVersion) || value_.empty() || !is_visible_ascii(value_)) return malformed(line_, "no Version");
    out_.version = value_;
    ++line_;
    if (!take(kChainId) || !read_chain_id()) return malformed(line_, "no Chain ID");
    ++line_;
    if (!take(kNonce) || value_.empty() || !is_visible_ascii(value_)) return malformed(line_, "no Nonce");
    out_.nonce = value_;
    ++line_;
    if (!take(kIssuedAt)) return malformed(line_, "no Issued At");
    const std::optional<WallTime> issued_at = parse_rfc3339(value_);
    if (!issued_at) return malformed(line_, "no RFC 3339 date-time");
    out_.issued_at = *issued_at;
    ++line_;
    return {};
  }

  Result<void> optional_fields() {
    if (Result<void> time = optional_time(kExpirationTime, out_.expires_at); !time) return time;
    if (Result<void> time = optional_time(kNotBefore, out_.not_before); !time) return time;
    if (!take(kRequestId)) return {};
    if (!is_path_text(value_)) return malformed(line_, "character that a Request ID cannot have");
    out_.request_id = value_;
    ++line_;
    return {};
  }

  Result<void> resources() {
    if (at_end() || lines_[line_] != kResources) return {};
    ++line_;
    while (take(kResource)) {
      if (!is_uri(value_)) return malformed(line_, "resource is no URI");
      out_.resources.emplace_back(value_);
      ++line_;
    }
    return {};
  }

  // Whether the line is the field `label`; then `value_` is what follows.
  bool take(std::string_view label) {
    if (!at_field(label)) return false;
    value_ = lines_[line_].substr(label.size());
    return true;
  }

  bool read_chain_id() {
    const char* end = value_.data() + value_.size();
    const auto [stop, error] = std::from_chars(value_.data(), end, out_.chain_id);
    return error == std::errc{} && stop == end;
  }

  Result<void> optional_time(std::string_view label, std::optional<WallTime>& out) {
    if (!take(label)) return {};
    out = parse_rfc3339(value_);
    if (!out) return malformed(line_, "no RFC 3339 date-time");
    ++line_;
    return {};
  }

  const Lines lines_;
  std::size_t line_ = 0;
  std::string_view value_;
  EthereumMessage out_;
};

}  // namespace

Result<EthereumMessage> parse_ethereum_message(std::string_view text) {
  if (text.size() > kMaxMessageBytes) return fail(Errc::message_too_large, fmt::format("{} bytes", text.size()));
  return Parser(text).parse();
}

std::string format_ethereum_message(const EthereumMessage& message) {
  std::string out;
  const auto field = [&out](std::string_view label, std::string_view value) {
    out.append("\n").append(label).append(value);
  };
  if (!message.scheme.empty()) out.append(message.scheme).append(kSchemeEnd);
  out.append(message.domain).append(kFirstLineEnd).append("\n").append(message.address).append("\n\n");
  if (!message.statement.empty()) out.append(message.statement).append("\n");
  field(kUri, message.uri);
  field(kVersion, message.version);
  field(kChainId, std::to_string(message.chain_id));
  field(kNonce, message.nonce);
  field(kIssuedAt, format_rfc3339(message.issued_at));
  if (message.expires_at) field(kExpirationTime, format_rfc3339(*message.expires_at));
  if (message.not_before) field(kNotBefore, format_rfc3339(*message.not_before));
  if (!message.request_id.empty()) field(kRequestId, message.request_id);
  if (!message.resources.empty()) field(kResources, "");
  for (const auto& resource : message.resources) field(kResource, resource);
  return out;
}

bool is_ethereum_statement(std::string_view statement) {
  return !statement.empty() && is_statement_text(statement) && !statement.starts_with(kUri);
}

}  // namespace gatecast::identity
