// Text forms of bytes: hex, base64 (RFC 4648 §4), base64url without padding (§5), base58 (Bitcoin's alphabet).
//
// Decoders are strict: no white space, no stray padding, no trailing bits, the whole input or nothing. Pure.
// Bounds: base58 is quadratic, so input over 128 characters is refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gatecast {

std::string hex_encode(std::string_view bytes);
std::optional<std::string> hex_decode(std::string_view text);  // upper or lower case

std::string base64_encode(std::string_view bytes);
std::optional<std::string> base64_decode(std::string_view text);  // padding required

std::string base64url_encode(std::string_view bytes);
std::optional<std::string> base64url_decode(std::string_view text);  // padding refused

std::string base58_encode(std::string_view bytes);
std::optional<std::string> base58_decode(std::string_view text);

}  // namespace gatecast
