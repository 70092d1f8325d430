// A place in a stream as a call of the server API names it: `{"offset", "epoch"}`. Pure.
#pragma once

#include <optional>

#include "broker/position.hpp"
#include "server/json/json_in.hpp"

namespace gatecast::server {

/// Nothing where the member is absent or null. Error: field_invalid.
Result<std::optional<broker::StreamPosition>> position_in(const JsonIn& params, std::string_view name);

}  // namespace gatecast::server
