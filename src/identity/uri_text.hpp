// The grammar of RFC 3986, as far as sign-in messages quote it. Pure; any thread; one pass.
//
// ASCII only, as the grammar is. An IP literal is an IPv6 address; the IPvFuture form, which nobody uses, is refused.
#pragma once

#include <string_view>

namespace gatecast::identity {

/// `scheme` (§3.1).
bool is_scheme(std::string_view text);
/// `[userinfo@]host[:port]` (§3.2) with a host.
bool is_authority(std::string_view text);
/// `URI` (§3): absolute, with or without an authority and a fragment.
bool is_uri(std::string_view text);
/// `*pchar` (§3.3).
bool is_path_text(std::string_view text);
/// `*( reserved / unreserved / " " )`: the characters of a statement in EIP-4361.
bool is_statement_text(std::string_view text);

}  // namespace gatecast::identity
