#include "session/audit_events.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/time_text.hpp"
#include "token/json_object.hpp"

namespace gatecast::session {
namespace {

void member(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out += fmt::format(",\"{}\":", name);
  token::append_json_string(out, value);
}

}  // namespace

std::string_view event_type(std::string_view audit_kind) {
  for (const store::EventName& each : store::kEventNames) {
    if (each.audit_kind == audit_kind) return each.event;
  }
  return {};
}

Result<std::vector<std::string>> audit_kinds(std::span<const std::string> events) {
  std::vector<std::string> kinds;
  for (const std::string& event : events) {
    const bool known = std::ranges::any_of(store::kEventNames, [&](const auto& each) { return each.event == event; });
    if (!known) return fail(Errc::field_invalid, fmt::format("kinds: there is no event '{}'", event.substr(0, 64)));
  }
  for (const store::EventName& each : store::kEventNames) {
    if (events.empty() || std::ranges::find(events, each.event) != events.end()) kinds.emplace_back(each.audit_kind);
  }
  return kinds;
}

std::string event_json(const store::AuditRow& row) {
  std::string out =
      fmt::format(R"({{"seq":{},"type":"{}","at":"{}")", row.seq, event_type(row.kind), format_rfc3339(row.at));
  member(out, "user", row.user_id);
  member(out, "session", row.sid);
  member(out, "reason", row.code);
  // Of a grant the detail's first line is data for the application, one JSON object.
  const bool grant = row.kind.starts_with("grant_") && row.detail.starts_with('{');
  out += R"(,"data":)";
  out += grant ? std::string_view(row.detail).substr(0, row.detail.find('\n')) : std::string_view("{}");
  return out += '}';
}

}  // namespace gatecast::session
