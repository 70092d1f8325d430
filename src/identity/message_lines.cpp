#include "identity/message_lines.hpp"

#include <fmt/format.h>

namespace gatecast::identity {

Lines lines_of(std::string_view text) {
  Lines lines;
  for (;;) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

Error malformed(std::size_t line, std::string_view why) {
  return fail(Errc::message_malformed, fmt::format("line {}: {}", line + 1, why));
}

}  // namespace gatecast::identity
