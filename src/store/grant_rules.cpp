#include "store/grant_rules.hpp"

#include <utility>

namespace gatecast::store {
namespace {

GrantNews news_of(bool held_before, const GrantRow& now) {
  const bool held = now.state == GrantState::held;
  if (held) return held_before ? GrantNews::changed : GrantNews::added;
  if (!held_before) return GrantNews::none;
  return now.state == GrantState::over ? GrantNews::expired : GrantNews::removed;
}

std::string_view kind_of(GrantNews news) {
  switch (news) {
    case GrantNews::added: return "grant_added";
    case GrantNews::none:
    case GrantNews::changed: return "grant_changed";
    case GrantNews::removed: return "grant_removed";
    case GrantNews::expired: return "grant_expired";
  }
  return "grant_changed";
}

/// Resource and key are printable ASCII.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

int standing(const GrantRow& grant) { return grant.state == GrantState::over ? 0 : 1; }

GrantRow asked_for(const GrantAdd& request, const std::optional<GrantRow>& before, WallTime now) {
  GrantRow grant{.id = request.id, .user_id = request.user_id, .resource = request.resource, .key = request.key};
  if (before) grant = *before;
  grant.from = request.from.value_or(before ? grant.from : now);
  grant.until = request.ttl ? std::optional(grant.from + *request.ttl) : request.until;
  grant.meta = request.meta;
  grant.state = grant_state(grant.from, grant.until, now);
  return grant;
}

GrantChange counted(GrantHolder& holder, GrantRow grant, GrantNews news) {
  if (news != GrantNews::none) ++holder.version;
  return {std::move(grant), holder.version, news};
}

AuditRow noted(std::string_view kind, const GrantRow& grant, WallTime at, const std::string& actor,
               const std::string& ip) {
  std::string detail = fmt::format(R"({{"change":"{}","id":{},"resource":{},"key":{}}})", kind.substr(6),
                                   quoted(grant.id), quoted(grant.resource), quoted(grant.key));
  if (!actor.empty()) detail += "\n" + actor;
  return {.at = at, .kind = std::string(kind), .user_id = grant.user_id, .ip = ip, .detail = std::move(detail)};
}

}  // namespace

Result<GrantAdded> add_to(GrantHolder& holder, const GrantAdd& request, const std::optional<GrantRow>& before,
                          WallTime now) {
  GrantRow grant = asked_for(request, before, now);
  if (before && grant.from == before->from && grant.until == before->until && grant.meta == before->meta) {
    return GrantAdded{{*before, holder.version, GrantNews::none}, false};
  }
  const int stood = before ? standing(*before) : 0;
  const std::int64_t stand = holder.standing + standing(grant) - stood;
  if (standing(grant) > stood && stand > static_cast<std::int64_t>(request.most)) return fail(Errc::grant_limit);
  holder.standing = stand;
  const GrantNews news = news_of(before && before->state == GrantState::held, grant);
  return GrantAdded{counted(holder, std::move(grant), news), true};
}

GrantChange remove_from(GrantHolder& holder, GrantRow grant) {
  holder.standing -= standing(grant);
  const GrantNews news = grant.state == GrantState::held ? GrantNews::removed : GrantNews::none;
  return counted(holder, std::move(grant), news);
}

GrantChange move_in(GrantHolder& holder, GrantRow due, WallTime now) {
  const GrantState before = std::exchange(due.state, grant_state(due.from, due.until, now));
  const GrantNews news = before == due.state ? GrantNews::none : news_of(before == GrantState::held, due);
  if (due.state == GrantState::over) --holder.standing;
  return counted(holder, std::move(due), news);
}

AuditRow grant_noted(const GrantChange& change, WallTime at, const std::string& actor, const std::string& ip) {
  return noted(kind_of(change.news), change.grant, at, actor, ip);
}

AuditRow grant_removal_noted(const GrantChange& change, WallTime at, const std::string& actor, const std::string& ip) {
  return noted("grant_removed", change.grant, at, actor, ip);
}

}  // namespace gatecast::store
