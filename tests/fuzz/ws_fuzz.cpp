// The WebSocket decoder gives the same events however its input is cut, and what it delivers obeys its limits.
#include <cstdlib>

#include "cuts.hpp"
#include "ws/encoder.hpp"
#include "ws/transcript.hpp"
#include "ws/utf8.hpp"

namespace {

using namespace gatecast::ws;

void check_events(std::string_view bytes, const Limits& limits) {
  std::vector<char> copy(bytes.begin(), bytes.end());
  std::span<char> input(copy);
  Decoder decoder(limits);
  for (;;) {
    const auto event = decoder.next(input);
    if (!event || event->kind == Event::Kind::need_more) break;
    const bool data = event->kind == Event::Kind::text || event->kind == Event::Kind::binary;
    if (event->payload.size() > (data ? limits.message_bytes : kMaxControlBytes)) std::abort();
    if (event->kind == Event::Kind::text && !event->compressed && !valid_utf8(event->payload)) std::abort();
    if (event->kind == Event::Kind::close) {
      std::string answer;
      append_close(answer, event->close_code, event->payload);
      if (answer.size() > 2 + kMaxControlBytes) std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto plan = gatecast::fuzz::plan(data, size);
  const Limits limits{.message_bytes = (plan.flags & 1u) != 0 ? 64u : 65536u,
                      .fragments = (plan.flags & 2u) != 0 ? 4u : 1024u,
                      .compression = (plan.flags & 4u) != 0};
  const auto whole = transcript(plan.bytes, {}, limits);
  if (transcript(plan.bytes, plan.cuts, limits) != whole) std::abort();
  check_events(plan.bytes, limits);
  return 0;
}
