// The lines of a sign-in message, as the parser of each chain takes them one by one.
//
// Place: under the parsers. Pure; any thread. Lifetime: lines point into the text.
#pragma once

#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace gatecast::identity {

/// Above it the text is no sign-in message; without a bound a client could make us hash megabytes.
inline constexpr std::size_t kMaxMessageBytes = std::size_t{20} * 1024;
/// No first line with an address fits into fewer; such bodies are refused before any arithmetic on curves.
inline constexpr std::size_t kMinMessageBytes = 64;

using Lines = std::vector<std::string_view>;

/// What stands between line feeds: one line more than line feeds.
Lines lines_of(std::string_view text);

/// message_malformed; `line` counts from 0, in the detail from 1.
Error malformed(std::size_t line, std::string_view why);

}  // namespace gatecast::identity
