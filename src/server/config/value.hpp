// Values of configuration keys: from raw to typed, and back to the text a TOML file would have.
//
// Pure; any thread. Durations are written "30s", "5m", "12h", "30d", "250ms"; sizes 65536, "64KB" (1024 bytes), "8MB".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/config/raw.hpp"
#include "server/config/table.hpp"

namespace gatecast::server {

std::optional<Millis> parse_duration(std::string_view text);
std::string format_duration(Millis duration);
std::optional<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t bytes);

/// Puts `raw` into `slot` by the row's type, choices and limits. Returns what is wrong, or "".
std::string assign(const Row& row, const Slot& slot, const Raw& raw);
/// The value as TOML; a secret is "***", or "" where there is none.
std::string show(const Slot& slot);
/// "text", "duration", "size"…, for documentation.
std::string_view type_name(const Slot& slot);
/// `text` as a TOML string.
std::string quote(std::string_view text);

}  // namespace gatecast::server
