// Percent-encoding and query parameters (RFC 3986 §2.1, §3.4; `+` is a space, as forms write it). Pure.
//
// Strict: a stray percent sign, a control character or bytes that are no UTF-8 make a value malformed, and a name given
// twice has no value, because proxies and applications differ in which of the two they take.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gatecast::http {

enum class Plus : bool { literal, space };

/// Decodes %XX once; nothing where an escape is malformed.
std::optional<std::string> percent_decode(std::string_view text, Plus plus = Plus::literal);

struct QueryValue {
  std::optional<std::string> value{};  // nothing where absent, duplicate or malformed
  bool duplicate = false;
  bool malformed = false;
};

/// Looks for `name` among `a=1&b=2`. A name without `=` has the empty value.
QueryValue find_query(std::string_view query, std::string_view name);

/// The value alone, for those who treat all refusals as absence.
inline std::optional<std::string> query_param(std::string_view query, std::string_view name) {
  return find_query(query, name).value;
}

/// Whether the bytes are UTF-8 without control characters (C0 and DEL).
bool is_plain_text(std::string_view bytes);

}  // namespace gatecast::http
