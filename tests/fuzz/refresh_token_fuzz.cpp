// Refresh tokens: whatever parses has one form, and nothing opens that was not written here.
#include <cstdlib>
#include <string>

#include "session/refresh_token.hpp"
#include "session/sid.hpp"

using namespace gatecast;
using namespace gatecast::session;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const RefreshKeys keys = RefreshKeys::make({{"1", Secret{std::string(32, 's')}}}).value();
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto parsed = parse_refresh_token(text);
  if (!parsed && keys.open(text)) std::abort();
  if (!parsed) return 0;
  if (size > kRefreshTokenBytesMax || parsed->generation == 0 || parsed->generation > kGenerationMax) std::abort();
  if (!SidKeys::well_formed(parsed->sid)) std::abort();
  const std::string written = keys.write(parsed->sid, parsed->generation, parsed->secret);
  if (!keys.open(written)) std::abort();
  // The mac is a function of the rest: a text that opens is the one we write.
  if (keys.open(text) && written != text) std::abort();
  return 0;
}
