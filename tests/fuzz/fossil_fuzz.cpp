// Differences: what is made of two texts makes the second out of the first and cuts no character; what comes from
// elsewhere makes a text of the size it claims, or nothing. The input is split at its first zero byte.
#include <simdjson.h>

#include <cstdlib>

#include "broker/fossil.hpp"

using namespace gatecast;

namespace {

void require(bool invariant) {
  if (!invariant) std::abort();
}

bool utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const auto cut = std::min(all.find('\0'), all.size());
  const auto base = all.substr(0, cut);
  const auto target = all.substr(std::min(cut + 1, all.size()));

  const auto delta = broker::fossil_delta(base, target);
  if (!delta.empty()) {
    require(delta.size() < target.size());
    require(!utf8(target) || utf8(delta));
    const auto made = broker::apply_fossil_delta(base, delta);
    require(made && *made == target);
  }
  // The same bytes taken for a delta of the base.
  const auto other = broker::apply_fossil_delta(base, target);
  require(other || other.error().code == Errc::bad_request);
  return 0;
}
