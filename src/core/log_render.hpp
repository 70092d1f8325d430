// The forms of a log line, apart from where it goes: JSON for files and pipes, text for people.
//
// Pure; any thread. Values are cut to kMaxValueBytes at a character's boundary (the cut is marked by "…"), control
// characters are escaped, bytes that are not UTF-8 become U+FFFD: a line is always one line and always valid.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "core/log.hpp"

namespace gatecast::log {

/// Above this a hostile header or message would fill the disk; the front part tells what it was.
inline constexpr std::size_t kMaxValueBytes = 256;

std::string_view level_name(Level level);
/// Appends `text` with quotes, escaped, as a JSON string.
void append_json_string(std::string& out, std::string_view text);
/// `12:01:02 info  connect  user=ada ip=10.0.0.1`; `zone_seconds` is added to the time of day.
std::string render_text(std::int64_t wall_ms, long zone_seconds, Level level, std::string_view event,
                        std::initializer_list<Field> fields);
/// `2026-01-31`, in UTC: the date in a file's name.
std::string utc_date(std::int64_t wall_ms);

}  // namespace gatecast::log
