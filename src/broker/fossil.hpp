// Deltas in the format of Fossil: a text as its difference from another one.
//
//   <size>\n  then <count>@<offset>, (copy from the base) and <count>:<bytes> (insert)  then <checksum>;
//
// Numbers are of base 64, most significant digit first; the checksum is the sum of the target's big-endian 32-bit
// words, the last one filled with zeros. What is inserted are whole characters, so a delta of UTF-8 texts is UTF-8 and
// can stand in a JSON string. Pure; any thread. Bounds: time and memory are linear in both texts, which are at most
// kFossilBytesMax. Errors: none when making, which then gives nothing; bad_request when applying.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"

namespace gatecast::broker {

/// Larger texts go whole: a delta is made on the shard's thread, some milliseconds for this much.
inline constexpr std::size_t kFossilBytesMax = 1u << 20;

/// What makes `target` out of `base`, both UTF-8; empty where that is not shorter than `target` itself.
std::string fossil_delta(std::string_view base, std::string_view target);

/// The text that `delta` makes out of `base`.
Result<std::string> apply_fossil_delta(std::string_view base, std::string_view delta);

}  // namespace gatecast::broker
