// RFC 3339 date-times, the subset wallets sign: `2026-01-31T10:20:30[.fraction](Z|±hh:mm)`.
//
// Strict: days exist in their month (leap years counted), hour ≤ 23, minute ≤ 59, second ≤ 60 (a leap second counts as
// 59.999), offset ≤ 23:59, upper or lower case T and Z, years 0000 to 9999 in UTC too. Fractions are
// cut to milliseconds. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/clock.hpp"

namespace gatecast {

std::optional<WallTime> parse_rfc3339(std::string_view text);
/// `2026-01-31T10:20:30.123Z`; whole seconds are written without a fraction.
std::string format_rfc3339(WallTime t);

}  // namespace gatecast
