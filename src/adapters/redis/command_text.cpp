#include "adapters/redis/command_text.hpp"

#include <charconv>

namespace gatecast::redis {
namespace {

void append_head(std::string& to, char kind, std::size_t number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  to += kind;
  to.append(digits, end);
  to += "\r\n";
}

}  // namespace

void append_count(std::string& to, std::size_t count) { append_head(to, '*', count); }

void append_text(std::string& to, std::string_view text) {
  append_head(to, '$', text.size());
  to += text;
  to += "\r\n";
}

void append_texts(std::string& to, std::span<const std::string_view> texts) {
  for (const auto text : texts) append_text(to, text);
}

std::string command_text(std::span<const std::string_view> texts) {
  std::string out;
  std::size_t bytes = 16;
  for (const auto text : texts) bytes += text.size() + 16;
  out.reserve(bytes);
  append_count(out, texts.size());
  append_texts(out, texts);
  return out;
}

}  // namespace gatecast::redis
