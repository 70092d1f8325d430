// Kinds of rows of the control log.
#pragma once

#include <string_view>

namespace gatecast::session {

inline constexpr std::string_view kSessionEnded = "session_ended";
inline constexpr std::string_view kForeignEnded = "foreign_ended";  // of a trusted issuer

}  // namespace gatecast::session
