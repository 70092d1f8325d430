// One field of a form body (application/x-www-form-urlencoded), as OAuth's endpoints take it.
//
// Strict: a field given twice, a malformed escape, control characters or bytes that are no UTF-8 are refused. Pure.
// Bounds: kFormBytesMax. Errors: content_type, body_too_large, field_missing, field_invalid.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"
#include "http/message.hpp"

namespace gatecast::server {

/// Two tokens of the largest kind and what belongs to them.
inline constexpr std::size_t kFormBytesMax = 20 * 1024;

Result<std::string> form_field(const http::Request& request, std::string_view name);

}  // namespace gatecast::server
