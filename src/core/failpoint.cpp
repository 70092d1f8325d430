#include "core/failpoint.hpp"

#ifdef GATECAST_FAILPOINTS
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string_view>

namespace gatecast {
namespace {

struct Armed {
  std::string_view name;
  long nth = 1;
};

Armed armed_by_environment() {
  const char* text = std::getenv("GATECAST_FAILPOINT_KILL");
  if (text == nullptr) return {};
  std::string_view all(text);
  auto colon = all.rfind(':');
  if (colon == std::string_view::npos) return {all, 1};
  return {all.substr(0, colon), std::atol(text + colon + 1)};
}

}  // namespace

void failpoint(const char* name) {
  static const Armed armed = armed_by_environment();
  static std::atomic<long> passes{0};
  if (armed.name != name) return;
  if (++passes == armed.nth) kill(getpid(), SIGKILL);
}

}  // namespace gatecast
#endif
