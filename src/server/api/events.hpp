// The event feed and the audit log, as the server API and the operators' port give them.
//
// Threads: the caller's shard. Bounds: 1000 rows an answer, half a minute of waiting.
#pragma once

#include <string>

#include "server/services.hpp"
#include "store/rows.hpp"

namespace gatecast::server {

inline constexpr std::uint32_t kEventsMax = 1000;
inline constexpr std::int64_t kEventsWaitMax = 30;  // seconds

struct EventsQuery {
  std::uint64_t after = 0;
  std::uint32_t limit = 100;
  std::chrono::seconds wait{0};  // for the first event, where there is none
};

/// Error: field_invalid, where a figure is out of its bounds.
Result<EventsQuery> events_query(std::int64_t after, std::int64_t limit, std::int64_t wait);
/// `{events:[…], next}`: `next` is what to ask beyond next time. With `rewound:true` the place asked for lies beyond
/// the log, because the data was restored from a backup; `next` is then the log's end.
Task<Result<std::string>> events_after(Services& services, EventsQuery query);
/// One row of the audit log.
std::string audit_json(const store::AuditRow& row);

}  // namespace gatecast::server
