#include "server/json/grant_json.hpp"

#include "core/time_text.hpp"

namespace gatecast::server {

std::string grant_json(const store::GrantRow& grant) {
  JsonOut out;
  out.text("id", grant.id).text("resource", grant.resource).text_if("key", grant.key);
  out.text("from", format_rfc3339(grant.from));
  if (grant.until) out.text("until", format_rfc3339(*grant.until));
  return out.raw("meta", grant.meta).done();
}

std::string grants_json(const access::Held& held) {
  std::string list = "[";
  for (const auto& grant : held.grants) {
    if (list.size() > 1) list += ',';
    list += grant_json(*grant);
  }
  return list += ']';
}

JsonOut grants_for(const access::Held& held, std::optional<std::int64_t> known, std::size_t most) {
  JsonOut out;
  out.number("version", held.version);
  if (known && *known >= 0 && static_cast<std::uint64_t>(*known) == held.version) return out.boolean("unchanged", true);
  // What it takes in memory is more than its text: what is above here need not be written to be measured.
  if (held.bytes > 4 * most) return out.boolean("omitted", true);
  const std::string list = grants_json(held);
  return list.size() > most ? out.boolean("omitted", true) : out.raw("grants", list);
}

std::string grant_push(const store::GrantChange& change) {
  const bool gone = change.news == store::GrantNews::removed || change.news == store::GrantNews::expired;
  JsonOut told;
  told.text("type", gone ? "grant.removed" : "grant.added");
  told.number("version", change.version).raw("grant", grant_json(change.grant));
  if (gone) told.text("reason", change.news == store::GrantNews::expired ? "expired" : "removed");
  return JsonOut().object("gatecast", told).done();
}

}  // namespace gatecast::server
