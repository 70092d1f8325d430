// Runs tests/conformance/http/*.txt. `>` is a line, to which CR LF is added; `>>` is bytes as they are.
#include <gtest/gtest.h>

#include "conformance/script.hpp"
#include "http/transcript.hpp"

namespace gatecast::http {
namespace {

TEST(Conformance, HttpScripts) {
  const auto cases = conformance::load(
      GATECAST_SOURCE_DIR "/tests/conformance/http",
      [](std::string_view line, bool bytes) { return conformance::unescape(line) + (bytes ? "" : "\r\n"); });
  ASSERT_GT(cases.size(), 100u);
  for (const auto& c : cases) {
    Limits limits;
    limits.header_bytes = c.number("header_bytes", limits.header_bytes);
    limits.body_bytes = c.number("body_bytes", limits.body_bytes);
    const std::string show = c.options.contains("show") ? c.options.at("show") : "";
    const auto run = [&](std::string_view input, const std::vector<std::size_t>& cuts) {
      return transcript(input, cuts, limits, show);
    };
    for (const auto& problem : conformance::check(c, run)) ADD_FAILURE() << problem;
  }
}

}  // namespace
}  // namespace gatecast::http
