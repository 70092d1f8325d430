#include "broker/node_message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "broker/nodes.hpp"

namespace gatecast::broker {
namespace {

using Type = NodeMessage::Type;

constexpr std::pair<std::string_view, Type> kTypes[] = {{"hello", Type::hello},
                                                        {"bye", Type::bye},
                                                        {"word", Type::word},
                                                        {"ask", Type::question},
                                                        {"answer", Type::answer}};
constexpr std::size_t kIdBytesMax = 64;
constexpr std::size_t kKindBytesMax = 32;
constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kVersionBytesMax = 32;
constexpr std::uint32_t kPartsMax = 64;

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

template <class T>
bool take_number(std::string_view text, T& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc{} && end == text.data() + text.size() && (text.size() == 1 || text.front() != '0');
}

bool take(NodeMessage& m, std::string_view name, std::string_view value) {
  if (name == "t") {
    const auto* known = std::ranges::find(kTypes, value, &std::pair<std::string_view, Type>::first);
    m.type = known == std::end(kTypes) ? Type::unknown : known->second;
    return true;
  }
  if (name == "f") {
    m.from = value;
    return is_node_id(value);
  }
  if (name == "k") {
    m.kind = value;
    return is_node_kind(value);
  }
  if (name == "e") {
    m.error = value;
    return is_node_kind(value);
  }
  if (name == "s") return take_number(value, m.sequence);
  if (name == "q") return take_number(value, m.question);
  if (name == "p") return take_number(value, m.part);
  if (name == "n") return take_number(value, m.parts);
  if (name == "all") return m.to_all = value == "1";
  if (name == "back") return m.asks_back = value == "1";
  return true;
}

/// Whether it has what one of its type must have.
bool whole(const NodeMessage& m) {
  if (m.from.empty() || (m.to_all && m.sequence == 0)) return false;
  if (m.part < 1 || m.part > m.parts || m.parts > kPartsMax) return false;
  switch (m.type) {
    case Type::unknown:
    case Type::bye: return true;
    case Type::hello: return m.sequence != 0;
    case Type::word: return !m.kind.empty();
    case Type::question: return !m.kind.empty() && m.question != 0;
    case Type::answer: return m.question != 0;
  }
  return false;
}

std::string one_line(std::string_view text, std::size_t most) {
  std::string line(text.substr(0, most));
  std::ranges::replace_if(line, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return line;
}

}  // namespace

bool is_node_id(std::string_view id) {
  return !id.empty() && id.size() <= kIdBytesMax && std::ranges::all_of(id, [](char c) {
    return is_lower(c) || is_digit(c) || c == '-' || (c >= 'A' && c <= 'Z');
  });
}

bool is_node_kind(std::string_view kind) {
  return !kind.empty() && kind.size() <= kKindBytesMax &&
         std::ranges::all_of(kind, [](char c) { return is_lower(c) || is_digit(c) || c == '_' || c == '.'; });
}

std::string node_message(const NodeMessage& m) {
  const auto* type = std::ranges::find(kTypes, m.type, &std::pair<std::string_view, Type>::second);
  std::string out = fmt::format("t={} f={}", type == std::end(kTypes) ? "unknown" : type->first, m.from);
  const auto to = std::back_inserter(out);
  if (m.sequence != 0) fmt::format_to(to, " s={}", m.sequence);
  if (m.to_all) out += " all=1";
  if (m.asks_back) out += " back=1";
  if (m.question != 0) fmt::format_to(to, " q={}", m.question);
  if (m.parts > 1) fmt::format_to(to, " p={} n={}", m.part, m.parts);
  if (!m.kind.empty()) fmt::format_to(to, " k={}", m.kind);
  if (!m.error.empty()) fmt::format_to(to, " e={}", m.error);
  out += '\n';
  out += m.body;
  return out;
}

Result<NodeMessage> parse_node_message(std::string_view bytes) {
  if (bytes.size() > Nodes::kMessageBytesMax) return fail(Errc::bad_request, "too long");
  const auto end = bytes.substr(0, kHeadBytesMax).find('\n');
  if (end == std::string_view::npos) return fail(Errc::bad_request, "no head");
  NodeMessage message;
  for (std::string_view head = bytes.substr(0, end); !head.empty();) {
    const auto blank = std::min(head.find(' '), head.size());
    const std::string_view part = head.substr(0, blank);
    const auto equals = part.find('=');
    if (equals == 0 || equals == std::string_view::npos) return fail(Errc::bad_request, "a part of the head");
    const std::string_view name = part.substr(0, equals);
    if (!take(message, name, part.substr(equals + 1))) return fail(Errc::bad_request, std::string(name));
    head.remove_prefix(std::min(blank + 1, head.size()));
  }
  if (!whole(message)) return fail(Errc::bad_request, "the head lacks something");
  message.body = bytes.substr(end + 1);
  return message;
}

std::string hello_body(const NodeSelf& self) {
  const bool fits = self.facts.size() <= kFactsBytesMax;
  return fmt::format("{}\n{}\n{}", one_line(self.name, kNameBytesMax), one_line(self.version, kVersionBytesMax),
                     fits ? std::string_view(self.facts) : std::string_view("{}"));
}

Result<NodeSelf> parse_hello_body(std::string_view body) {
  const auto first = body.find('\n');
  const auto second = first == std::string_view::npos ? first : body.find('\n', first + 1);
  if (second == std::string_view::npos) return fail(Errc::bad_request, "hello");
  const std::string_view name = body.substr(0, first);
  const std::string_view version = body.substr(first + 1, second - first - 1);
  const std::string_view facts = body.substr(second + 1);
  if (name.size() > kNameBytesMax || version.size() > kVersionBytesMax || facts.size() > kFactsBytesMax) {
    return fail(Errc::bad_request, "hello");
  }
  // What another process says of itself comes into logs and answers.
  return NodeSelf{one_line(name, kNameBytesMax), one_line(version, kVersionBytesMax), std::string(facts)};
}

}  // namespace gatecast::broker
