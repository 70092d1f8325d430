// Comparison that does not tell by its duration where two byte strings differ. Pure; any thread.
#pragma once

#include <string_view>

namespace gatecast::crypto {

/// Whether both are the same bytes. The time depends on the lengths only, which are not secret.
bool equal(std::string_view a, std::string_view b);

}  // namespace gatecast::crypto
