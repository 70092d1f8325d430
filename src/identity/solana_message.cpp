#include "identity/solana_message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bitset>

#include "core/time_text.hpp"
#include "identity/plain_text.hpp"
#include "identity/solana_address.hpp"

namespace gatecast::identity {
namespace {

constexpr std::string_view kFirstLineEnd = " wants you to sign in with your Solana account:";

enum class Field : std::size_t {
  uri,
  version,
  chain_id,
  nonce,
  issued_at,
  expires_at,
  not_before,
  request_id,
  resources,
};
constexpr std::size_t kFields = 9;
// In the order of the grammar, which is the order of `Field`.
constexpr std::array<std::string_view, kFields> kLabels = {
    "URI: ",        "Version: ",    "Chain ID: ", "Nonce: ", "Issued At: ", "Expiration Time: ",
    "Not Before: ", "Request ID: ", "Resources:",
};
constexpr std::string_view label(Field field) { return kLabels[static_cast<std::size_t>(field)]; }

// The field that `line` begins as. `Resources:` must be the whole line: its values follow on lines of their own.
std::optional<Field> field_of(std::string_view line) {
  for (std::size_t i = 0; i < kFields; ++i) {
    const auto field = static_cast<Field>(i);
    if (field == Field::resources ? line == kLabels[i] : line.starts_with(kLabels[i])) return field;
  }
  return std::nullopt;
}

// Reads the lines from the first field on.
class FieldReader {
 public:
  FieldReader(const Lines& lines, SolanaMessage& out) : lines_(lines), out_(out) {}

  Result<void> read_from(std::size_t line) {
    for (line_ = line; line_ < lines_.size(); ++line_) {
      const std::optional<Field> field = field_of(lines_[line_]);
      if (!field) return malformed(line_, "no field of a sign-in message");
      if (seen_.test(static_cast<std::size_t>(*field))) return malformed(line_, "field stands twice");
      seen_.set(static_cast<std::size_t>(*field));
      auto read = *field == Field::resources ? read_resources() : read_value(*field);
      if (!read) return read;
    }
    return {};
  }

 private:
  Result<void> read_value(Field field) {
    const std::string_view value = lines_[line_].substr(label(field).size());
    if (!is_visible_ascii(value)) return malformed(line_, "value is not visible ASCII");
    if (value.empty() && field != Field::request_id) return malformed(line_, "field has no value");
    switch (field) {
      case Field::uri: return text(out_.uri, value);
      case Field::version: return text(out_.version, value);
      case Field::chain_id: return text(out_.chain_id, value);
      case Field::nonce: return text(out_.nonce, value);
      case Field::issued_at: return time(out_.issued_at, value);
      case Field::expires_at: return time(out_.expires_at, value);
      case Field::not_before: return time(out_.not_before, value);
      case Field::request_id: return text(out_.request_id, value);
      case Field::resources: break;
    }
    return malformed(line_, "no field of a sign-in message");
  }

  // `- URI` on each of the following lines, or on none.
  Result<void> read_resources() {
    while (line_ + 1 < lines_.size() && lines_[line_ + 1].starts_with("- ")) {
      const std::string_view value = lines_[++line_].substr(2);
      if (value.empty() || !is_visible_ascii(value)) return malformed(line_, "resource is no URI");
      out_.resources.emplace_back(value);
    }
    return {};
  }

  static Result<void> text(std::string& out, std::string_view value) {
    out = value;
    return {};
  }

  Result<void> time(std::optional<WallTime>& out, std::string_view value) const {
    out = parse_rfc3339(value);
    if (!out) return malformed(line_, "no RFC 3339 date-time");
    return {};
  }

  const Lines& lines_;
  SolanaMessage& out_;
  std::size_t line_ = 0;
  std::bitset<kFields> seen_;
};

// The lines [begin, end) as a statement. A blank line at its edge would make the blank lines around it ambiguous.
Result<std::string> read_statement(const Lines& lines, std::size_t begin, std::size_t end) {
  if (begin >= end) return std::string();
  if (lines[begin].empty() || lines[end - 1].empty()) return malformed(begin, "statement has a blank line at its edge");
  std::string out(lines[begin]);
  for (std::size_t i = begin + 1; i < end; ++i) out.append("\n").append(lines[i]);
  return out;
}

// Everything after the address: a blank line, the statement, a blank line, the fields. Without a statement one blank
// line stands before the fields; two, as messages of Ethereum have them, are read alike.
Result<void> read_body(const Lines& lines, SolanaMessage& out) {
  if (lines.size() <= 2) return {};
  if (!lines[2].empty()) return malformed(2, "no blank line after the address");
  std::size_t fields = 3;
  while (fields < lines.size() && !field_of(lines[fields])) ++fields;
  const bool has_fields = fields < lines.size();
  if (has_fields && !lines[fields - 1].empty()) return malformed(fields, "no blank line before the fields");
  Result<std::string> statement = read_statement(lines, 3, has_fields ? fields - 1 : fields);
  if (!statement) return std::move(statement.error());
  out.statement = *std::move(statement);
  return FieldReader(lines, out).read_from(fields);
}

}  // namespace

std::string_view solana_message_domain(std::string_view text) {
  std::string_view line = text.substr(0, text.find('\n'));
  if (!line.ends_with(kFirstLineEnd)) return {};
  line.remove_suffix(kFirstLineEnd.size());
  return is_visible_ascii(line) ? line : std::string_view{};
}

Result<SolanaMessage> parse_solana_message(std::string_view text) {
  if (text.size() > kMaxMessageBytes) return fail(Errc::message_too_large, fmt::format("{} bytes", text.size()));
  if (!is_plain_text(text)) return fail(Errc::message_malformed, "not UTF-8, or a control character in it");
  while (text.ends_with('\n')) text.remove_suffix(1);
  const Lines lines = lines_of(text);
  SolanaMessage out;
  out.domain = solana_message_domain(lines[0]);
  if (out.domain.empty()) return malformed(0, "not the first line of a sign-in message");
  if (lines.size() < 2 || !has_address_form(lines[1])) return malformed(1, "no address");
  out.address = lines[1];
  Result<void> body = read_body(lines, out);
  if (!body) return std::move(body.error());
  return out;
}

std::string format_solana_message(const SolanaMessage& message) {
  std::string fields;
  const auto add = [&fields](Field field, std::string_view value) {
    if (!value.empty()) fields.append("\n").append(label(field)).append(value);
  };
  const auto add_time = [&add](Field field, const std::optional<WallTime>& t) {
    if (t) add(field, format_rfc3339(*t));
  };
  add(Field::uri, message.uri);
  add(Field::version, message.version);
  add(Field::chain_id, message.chain_id);
  add(Field::nonce, message.nonce);
  add_time(Field::issued_at, message.issued_at);
  add_time(Field::expires_at, message.expires_at);
  add_time(Field::not_before, message.not_before);
  add(Field::request_id, message.request_id);
  if (!message.resources.empty()) fields.append("\n").append(label(Field::resources));
  for (const auto& resource : message.resources) fields.append("\n- ").append(resource);

  std::string out = message.domain;
  out.append(kFirstLineEnd).append("\n").append(message.address);
  if (!message.statement.empty()) out.append("\n\n").append(message.statement);
  if (!fields.empty()) out.append("\n").append(fields);
  return out;
}

bool is_solana_statement(std::string_view statement) {
  if (statement.empty() || !is_plain_text(statement)) return false;
  const Lines lines = lines_of(statement);
  if (lines.front().empty() || lines.back().empty()) return false;
  return std::ranges::none_of(lines, [](std::string_view line) { return field_of(line).has_value(); });
}

}  // namespace gatecast::identity
