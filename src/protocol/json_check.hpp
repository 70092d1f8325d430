// Questions about a JSON text that is passed on as it came: is it valid, does it claim a reserved name.
//
// Valid means RFC 8259 and UTF-8, nested at most kMaxJsonDepth deep. Numbers of any size and unpaired surrogate escapes
// are valid there and stay as they are: payloads belong to the application. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace gatecast::protocol {

/// How deep an embedded value may nest; receivers parse it recursively.
inline constexpr unsigned kMaxJsonDepth = 32;

/// Whether `json` is exactly one JSON value, white space around it allowed.
bool valid_json(std::string_view json);

/// Whether `json`, which is valid, is an object with that member at the top level, however the name is escaped.
bool has_top_level_member(std::string_view json, std::string_view name);

/// `json` without raw line ends, which delimit messages on the wire and in valid JSON only stand between tokens. Gives
/// `json` itself where there are none, else a view of `scratch`.
std::string_view compact_newlines(std::string_view json, std::string& scratch);

}  // namespace gatecast::protocol
