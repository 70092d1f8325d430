#include "crypto/sodium_ready.hpp"

#include <sodium.h>

#include <cstdlib>

namespace gatecast::crypto {

void sodium_ready() {
  static const bool ready = sodium_init() >= 0;  // 1: somebody else was first, which is fine
  if (!ready) std::abort();
}

}  // namespace gatecast::crypto
