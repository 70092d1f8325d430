// What a user held at one moment, immutable and shared: what connections are judged by and clients are told.
//
// Place: made by HeldCache of what the store says; read by server. Threads: any. Bounds: limits.grants_user rows, which
// one version shares with the next.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "store/grants.hpp"

namespace gatecast::access {

using GrantRef = std::shared_ptr<const store::GrantRow>;

struct Held {
  std::uint64_t version = 0;
  std::vector<GrantRef> grants{};  // by resource and key
  std::size_t bytes = 0;           // of memory, about

  /// Whether one of them opens the resource. One that is over does not, though nobody has been told yet.
  bool holds(std::string_view resource, WallTime now) const;
};
using HeldRef = std::shared_ptr<const Held>;

HeldRef held_of(store::UserGrants&& all);
/// The same with one change; null where it is not the next one.
HeldRef held_after(const Held& before, const store::GrantChange& change);

}  // namespace gatecast::access
