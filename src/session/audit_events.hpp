// What the application is told: rows of the audit log as events, in the order of their commits.
//
//   {"seq", "type", "at", "user", "session"?, "reason"?, "data":{…}}
//
// Place: the event feed and webhooks write the same form. Pure; any thread. `reason` is a code of the registry;
// addresses, agents and who of the operators did it stay in the audit log; `data` is that of a grant's change. Bounds:
// kEventBytesMax an event.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "store/rows.hpp"

namespace gatecast::session {

/// The event's name for a kind of the audit log; empty where the application does not hear of it.
std::string_view event_type(std::string_view audit_kind);
/// The kinds of the audit log that make these events; none given: all there are. Error: field_invalid (unknown name).
Result<std::vector<std::string>> audit_kinds(std::span<const std::string> events);
/// The event's JSON.
std::string event_json(const store::AuditRow& row);

}  // namespace gatecast::session
