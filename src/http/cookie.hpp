// One cookie of a request (RFC 6265 §4.2). Pure.
//
// A name given twice has no value: proxies and applications differ in which of the two they take, and a page of a
// neighbouring domain may have set one of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace gatecast::http {

/// The cookie's value as it was sent, without quotes around it; nothing where it is absent, twice there or empty.
std::optional<std::string> cookie(const Headers& headers, std::string_view name);

/// Whether the text can be a cookie's name: a token of RFC 9110.
bool is_cookie_name(std::string_view name);

}  // namespace gatecast::http
