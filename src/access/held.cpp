#include "access/held.hpp"

#include <algorithm>

namespace gatecast::access {
namespace {

std::size_t bytes_of(const store::GrantRow& grant) {
  return sizeof grant + 64 + grant.id.size() + grant.user_id.size() + grant.resource.size() + grant.key.size() +
         grant.meta.size();
}

bool before(const store::GrantRow& a, const store::GrantRow& b) {
  return a.resource != b.resource ? a.resource < b.resource : a.key < b.key;
}

}  // namespace

bool Held::holds(std::string_view resource, WallTime now) const {
  auto at =
      std::ranges::lower_bound(grants, resource, {}, [](const GrantRef& g) -> std::string_view { return g->resource; });
  for (; at != grants.end() && (*at)->resource == resource; ++at) {
    if (!(*at)->until || *(*at)->until > now) return true;
  }
  return false;
}

HeldRef held_of(store::UserGrants&& all) {
  auto held = std::make_shared<Held>();
  held->version = all.version;
  for (auto& grant : all.grants) {
    if (grant.state != store::GrantState::held) continue;
    held->bytes += bytes_of(grant);
    held->grants.push_back(std::make_shared<const store::GrantRow>(std::move(grant)));
  }
  return held;
}

HeldRef held_after(const Held& held, const store::GrantChange& change) {
  if (change.version != held.version + 1) return nullptr;
  auto next = std::make_shared<Held>(held);
  next->version = change.version;
  auto& grants = next->grants;
  auto at = std::ranges::lower_bound(grants, change.grant, before,
                                     [](const GrantRef& g) -> const store::GrantRow& { return *g; });
  const bool there = at != grants.end() && !before(change.grant, **at);
  if (there) next->bytes -= bytes_of(**at);
  if (change.news == store::GrantNews::removed || change.news == store::GrantNews::expired) {
    if (there) grants.erase(at);
    return next;
  }
  auto grant = std::make_shared<const store::GrantRow>(change.grant);
  next->bytes += bytes_of(*grant);
  if (there) {
    *at = std::move(grant);
  } else {
    grants.insert(at, std::move(grant));
  }
  return next;
}

}  // namespace gatecast::access
