// The HTTP parser reads the same requests however its input is cut, and what it accepts has one framing and one Host.
#include <cstdlib>

#include "cuts.hpp"
#include "http/query.hpp"
#include "http/target.hpp"
#include "http/transcript.hpp"

namespace {

using namespace gatecast::http;

void check_request(const Request& request, const Limits& limits) {
  if (request.body.size() > limits.body_bytes || request.headers.size() > kMaxHeaders + 1) std::abort();
  if (!is_plain_text(request.path)) std::abort();
  std::size_t hosts = 0;
  std::size_t framings = 0;
  for (const auto& [name, value] : request.headers) {
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) std::abort();
    hosts += iequals(name, "host") ? 1u : 0u;
    framings += iequals(name, "content-length") || iequals(name, "transfer-encoding") ? 1u : 0u;
  }
  if (framings > 1 || hosts > 1 || (request.http_1_1 && hosts != 1)) std::abort();
  if (hosts == 1 && !valid_host(request.header("host"))) std::abort();
  if (framings == 0 && !request.body.empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto plan = gatecast::fuzz::plan(data, size);
  const Limits limits{.header_bytes = (plan.flags & 1u) != 0 ? 64u : 32768u,
                      .body_bytes = (plan.flags & 2u) != 0 ? 8u : 65536u};
  const auto whole = transcript(plan.bytes, {}, limits, "x");
  if (transcript(plan.bytes, plan.cuts, limits, "x") != whole) std::abort();

  RequestParser parser(limits);
  std::string_view rest = plan.bytes;
  while (!rest.empty()) {
    const auto used = parser.feed(rest);
    if (!used) break;
    rest.remove_prefix(*used);
    if (parser.done()) check_request(parser.take(), limits);
  }
  return 0;
}
