// Grants as everybody outside sees them: `{id, resource, key?, from, until?, meta}`.
//
// Pure; any thread.
#pragma once

#include <optional>
#include <string>

#include "access/held.hpp"
#include "server/json/json_out.hpp"

namespace gatecast::server {

/// A list above this goes by HTTP only: a message must leave room in its client's queue.
inline constexpr std::size_t kGrantsInlineBytes = 256 * 1024;

std::string grant_json(const store::GrantRow& grant);
/// `[…]`
std::string grants_json(const access::Held& held);
/// For a client that knows `version` (none: it knows nothing): `{version, grants}`, `{version, unchanged:true}`, or
/// `{version, omitted:true}` where the list is above `most` bytes.
JsonOut grants_for(const access::Held& held, std::optional<std::int64_t> known, std::size_t most);
/// The push about a change: `{"gatecast":{"type", version, grant, reason?}}`.
std::string grant_push(const store::GrantChange& change);

}  // namespace gatecast::server
