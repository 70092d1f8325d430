// The command decoder: whatever comes, it ends; what it hands out is valid and can be sent on.
#include <simdjson.h>

#include <cstdlib>

#include "protocol/json_check.hpp"
#include "protocol/json_decoder.hpp"
#include "protocol/json_writer.hpp"

using namespace gatecast::protocol;

namespace {

void require(bool invariant) {
  if (!invariant) std::abort();
}

void check_embedded(std::string_view frame, std::string_view json) {
  if (json.empty()) return;
  require(json.data() >= frame.data() && json.data() + json.size() <= frame.data() + frame.size());
  require(valid_json(json));
}

/// The other opinion: simdjson refuses what we refuse, and of what we take only what its types cannot hold.
void compare(std::string_view json) {
  static simdjson::dom::parser parser;
  const auto error = parser.parse(simdjson::padded_string(json)).error();
  const auto opened = std::count_if(json.begin(), json.end(), [](char c) { return c == '[' || c == '{'; });
  if (valid_json(json)) {
    require(error == simdjson::SUCCESS || error == simdjson::NUMBER_ERROR || error == simdjson::STRING_ERROR);
  } else {
    require(error != simdjson::SUCCESS || opened > static_cast<std::ptrdiff_t>(kMaxJsonDepth));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view frame(reinterpret_cast<const char*>(bytes), size);
  compare(frame);
  static JsonDecoder decoder;
  std::size_t commands = 0;
  const auto done = decoder.decode(frame, [&](const Command& c) {
    require(++commands <= kMaxCommandsPerFrame);
    check_embedded(frame, c.source);
    check_embedded(frame, c.data);
    check_embedded(frame, c.headers);
    check_embedded(frame, c.tf);
    require(c.id != 0 || c.method == Method::none || c.method == Method::send);
    std::string out;
    append_publication_push(out, c.channel, {.data = c.data});
    require(valid_json(out));
    require(out.find('\n') == std::string::npos);
    JsonDecoder again;
    require(again.decode(c.source, [&](const Command& d) { require(d.method == c.method && d.channel == c.channel); })
                .has_value());
  });
  require(done || done.error().code == gatecast::Errc::bad_command);
  return 0;
}
