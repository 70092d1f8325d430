// Runs tests/conformance/ws/*.txt. Input: hex digits; "text" with escapes; [KEY ...] masks what is within, KEY being
// eight hex digits that are written first. Options: message_bytes, fragments, compression, and inflate: to how many
// bytes a compressed message is inflated.
#include <gtest/gtest.h>

#include "conformance/script.hpp"
#include "ws/transcript.hpp"

namespace gatecast::ws {
namespace {

std::string read_tokens(std::string_view line) {
  std::string out;
  std::string key;
  std::size_t key_begin = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == ' ') continue;
    if (c == '"') {
      std::size_t end = i + 1;
      while (line.at(end) != '"') end += line[end] == '\\' ? 2 : 1;
      out += conformance::unescape(line.substr(i + 1, end - i - 1));
      i = end;
    } else if (c == '[') {
      key = read_tokens(line.substr(i + 1, 8));
      out += key;
      key_begin = out.size();
      i += 8;
    } else if (c == ']') {
      for (std::size_t at = key_begin; at < out.size(); ++at)
        out[at] = static_cast<char>(out[at] ^ key[(at - key_begin) % 4]);
    } else {
      out.push_back(static_cast<char>(std::stoi(std::string(line.substr(i, 2)), nullptr, 16)));
      ++i;
    }
  }
  return out;
}

TEST(Conformance, WebSocketScripts) {
  const auto cases = conformance::load(GATECAST_SOURCE_DIR "/tests/conformance/ws",
                                       [](std::string_view line, bool) { return read_tokens(line); });
  ASSERT_GT(cases.size(), 100u);
  for (const auto& c : cases) {
    Limits limits;
    limits.message_bytes = static_cast<std::uint32_t>(c.number("message_bytes", limits.message_bytes));
    limits.fragments = static_cast<std::uint32_t>(c.number("fragments", limits.fragments));
    limits.compression = c.number("compression", 0) != 0;
    std::optional<std::size_t> inflate;
    if (c.options.contains("inflate")) inflate = c.number("inflate", 0);
    const auto run = [&](std::string_view input, const std::vector<std::size_t>& cuts) {
      return transcript(input, cuts, limits, inflate);
    };
    for (const auto& problem : conformance::check(c, run)) ADD_FAILURE() << problem;
  }
}

}  // namespace
}  // namespace gatecast::ws
