// A notification's id: its place, "-", and chance, which makes it differ from those of other users.
//
// Place: shared by the stores, which give ids and are asked for them. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace gatecast::store {

/// The place that an id begins with; 0: it is none of ours.
std::int64_t place_in(std::string_view id);

}  // namespace gatecast::store
