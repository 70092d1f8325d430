// Label domains: the closed sets of values a metric's label can take, so that a series is a fixed slot.
//
// Pure; any thread. A domain is an enumeration (or Errc, RateClass); `Status` is the HTTP status, `Route` the index in
// kRoutes. Values outside a domain cannot be counted, so no client can make series.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/codes.hpp"
#include "schema/routes.hpp"

namespace gatecast::metrics {

enum class Command : std::uint8_t {
  connect,
  subscribe,
  unsubscribe,
  publish,
  presence,
  presence_stats,
  history,
  ping,
  send,
  rpc,
  refresh,
  sub_refresh,
  other
};
enum class Outcome : std::uint8_t { ok, refused };
/// What became of a subscriber's wish to get what it missed.
enum class Recovery : std::uint8_t { recovered, unrecovered, busy };
/// What became of a renewal: `reused` ended the session, `reissued` gave an access token for an access token.
enum class Renewal : std::uint8_t { rotated, repeated, reissued, reused, refused };
/// What became of a grant.
enum class GrantChange : std::uint8_t { added, changed, removed, expired };
/// What a client of Redis is for.
enum class RedisRole : std::uint8_t { broker, cache, nodes };
/// A variant of session.variant from 1, or 0 for users of none.
struct Variant {
  std::size_t index = 0;
};
inline constexpr std::size_t kVariantsMax = 8;
/// An index into kRoutes, or kUnknownRoute.
struct Route {
  std::size_t index = 0;
};
inline constexpr Route kUnknownRoute{kRoutes.size()};
/// An HTTP status; one that is not in the list counts as "other".
struct Status {
  unsigned code = 0;
};

inline constexpr std::array<unsigned, 22> kStatuses{101, 200, 204, 304, 400, 401, 403, 404, 405, 408, 409,
                                                    413, 415, 417, 426, 429, 431, 500, 501, 502, 503, 505};

enum class Domain : std::uint8_t {
  none,
  code,
  command,
  outcome,
  rate_class,
  route,
  status,
  renewal,
  variant,
  recovery,
  grant_change,
  redis_role
};

/// Number of values; 1 for `none`.
constexpr std::size_t size_of(Domain domain) {
  switch (domain) {
    case Domain::none: return 1;
    case Domain::code: return kErrcCount;
    case Domain::command: return static_cast<std::size_t>(Command::other) + 1;
    case Domain::outcome: return 2;
    case Domain::rate_class: return 6;
    case Domain::route: return kRoutes.size() + 1;
    case Domain::status: return kStatuses.size() + 1;
    case Domain::renewal: return static_cast<std::size_t>(Renewal::refused) + 1;
    case Domain::variant: return kVariantsMax + 1;
    case Domain::recovery: return static_cast<std::size_t>(Recovery::busy) + 1;
    case Domain::grant_change: return static_cast<std::size_t>(GrantChange::expired) + 1;
    case Domain::redis_role: return static_cast<std::size_t>(RedisRole::nodes) + 1;
  }
  return 1;
}
/// The label's name on the wire: "code", "type", "outcome", "class", "route", "status".
std::string_view label_name(Domain domain);
/// Names the variants, from index 1 on. Once, before anything is counted or read by another thread.
void name_variants(std::vector<std::string> names);
/// The text of value `index` of a domain.
std::string_view label_value(Domain domain, std::size_t index);

template <class T>
inline constexpr Domain kDomainOf = Domain::none;
template <>
inline constexpr Domain kDomainOf<Errc> = Domain::code;
template <>
inline constexpr Domain kDomainOf<Command> = Domain::command;
template <>
inline constexpr Domain kDomainOf<Outcome> = Domain::outcome;
template <>
inline constexpr Domain kDomainOf<RateClass> = Domain::rate_class;
template <>
inline constexpr Domain kDomainOf<Route> = Domain::route;
template <>
inline constexpr Domain kDomainOf<Status> = Domain::status;
template <>
inline constexpr Domain kDomainOf<Renewal> = Domain::renewal;
template <>
inline constexpr Domain kDomainOf<Variant> = Domain::variant;
template <>
inline constexpr Domain kDomainOf<Recovery> = Domain::recovery;
template <>
inline constexpr Domain kDomainOf<GrantChange> = Domain::grant_change;
template <>
inline constexpr Domain kDomainOf<RedisRole> = Domain::redis_role;

template <class T>
  requires std::is_enum_v<T>
constexpr std::size_t label_index(T value) {
  return static_cast<std::size_t>(value);
}
/// Two paths of one route share a name, and so a series: the first path's.
constexpr std::size_t label_index(Route route) {
  for (std::size_t i = 0; i < kRoutes.size() && i < route.index; ++i) {
    if (route.index < kRoutes.size() && kRoutes[i].name == kRoutes[route.index].name) return i;
  }
  return route.index < kRoutes.size() ? route.index : kRoutes.size();
}
constexpr std::size_t label_index(Variant variant) { return variant.index <= kVariantsMax ? variant.index : 0; }
constexpr std::size_t label_index(Status status) {
  for (std::size_t i = 0; i < kStatuses.size(); ++i) {
    if (kStatuses[i] == status.code) return i;
  }
  return kStatuses.size();
}

}  // namespace gatecast::metrics
