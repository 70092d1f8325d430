// Every metric of the product, one line each. docs/metrics.md is generated from this table and compared by a test.
//
// A name here is `gatecast_` + name on the wire. A new metric is a new line; where it is counted, the compiler checks
// that the name exists, that the call fits its type, and that the labels are of its domains.
#pragma once

#include <cstdint>
#include <string_view>

#include "metrics/labels.hpp"

namespace gatecast::metrics {

enum class Type : std::uint8_t { counter, gauge, histogram };
/// Upper bounds of a histogram's buckets; one more for infinity is implied.
enum class Buckets : std::uint8_t { none, seconds, sizes };

struct Family {
  std::string_view name;
  Type type;
  std::string_view help;
  Domain first = Domain::none;
  Domain second = Domain::none;
  Buckets buckets = Buckets::none;
};

inline constexpr std::array kSecondsBounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                           0.25,   0.5,   1.0,    2.5,   5.0,  10.0,  30.0};
inline constexpr std::array kSizesBounds{1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0};

inline constexpr Family kFamilies[] = {
    // connections
    {"connections_open", Type::gauge, "Open TCP connections of both ports, WebSocket and HTTP."},
    {"clients_connected", Type::gauge, "Clients connected: their connect command was answered."},
    {"connections_total", Type::counter, "Client connections accepted."},
    {"connections_refused_total", Type::counter, "Client connections refused at the socket.", Domain::code},
    {"connections_cut_total", Type::counter,
     "Connections cut that came to nothing: no request in time, answers not read, the end not taken.", Domain::code},
    {"accepts_rested_total", Type::counter, "Times a listener rested because limits.accepts_shard was reached."},
    {"tls_handshakes_total", Type::counter, "TLS handshakes of clients done, or refused, broken off, out of time.",
     Domain::outcome},
    {"tls_certificate_expires_seconds", Type::gauge,
     "When the first of the ports' TLS certificates ends, in seconds since 1970; 0: no port speaks TLS."},
    {"connects_total", Type::counter, "Connect commands answered.", Domain::outcome},
    {"disconnects_total", Type::counter, "Connections closed, by close code.", Domain::code},
    {"revocation_seconds", Type::histogram,
     "From the end of a session to its connections muted: nothing taken, nothing delivered.", Domain::none,
     Domain::none, Buckets::seconds},
    {"revocation_closed_seconds", Type::histogram, "From the end of a session to its connections closed.", Domain::none,
     Domain::none, Buckets::seconds},
    {"slow_consumers_total", Type::counter, "Connections closed because their queue was full."},
    // messages
    {"messages_in_total", Type::counter, "Commands received from clients.", Domain::command},
    {"messages_out_total", Type::counter, "Messages sent to clients."},
    {"bytes_in_total", Type::counter, "Bytes received from clients."},
    {"bytes_out_total", Type::counter, "Bytes sent to clients."},
    {"refusals_total", Type::counter, "Commands and requests refused, by code.", Domain::code},
    // channels
    {"channels_open", Type::gauge, "Channels with a subscriber."},
    {"subscriptions_open", Type::gauge, "Subscriptions of clients."},
    {"publications_total", Type::counter, "Publications accepted."},
    {"deliveries_total", Type::counter, "Publications handed to subscribers."},
    {"deltas_total", Type::counter, "Publications made a difference for those who take it."},
    {"withheld_total", Type::counter, "Deliveries that the filters of subscribers spared."},
    {"outbox_bytes", Type::gauge, "Bytes that wait in the queues of single clients."},
    {"log_bytes", Type::gauge, "Bytes that wait in the logs of channels."},
    {"recoveries_total", Type::counter, "Subscribers that asked for what they had missed.", Domain::recovery},
    {"refilled_total", Type::counter, "Publications that a shard had missed and got from the channel's home."},
    {"history_bytes", Type::gauge, "Memory of the histories of channels."},
    {"histories_evicted_total", Type::counter, "Publications that a bound of memory took from histories."},
    {"presence_left_out_total", Type::counter, "Clients left out of a presence that was full."},
    // what users hold
    {"grants_changed_total", Type::counter, "Changes of grants, by what became of them.", Domain::grant_change},
    {"grants_read_total", Type::counter, "Users whose grants were read from the store."},
    {"grants_cached", Type::gauge, "Users whose grants are kept in memory."},
    {"push_seconds", Type::histogram,
     "From the commit of a grant or notification until the kernel has the user's messages.", Domain::none, Domain::none,
     Buckets::seconds},
    // http
    {"http_requests_total", Type::counter, "HTTP requests answered.", Domain::route, Domain::status},
    {"http_seconds", Type::histogram, "From a request's first byte to its answer.", Domain::none, Domain::none,
     Buckets::seconds},
    {"rate_limited_total", Type::counter, "Requests over a rate limit.", Domain::rate_class},
    {"forwarded_untrusted_total", Type::counter,
     "Requests with X-Forwarded-For from a peer that is not one of http.trusted_proxies."},
    // sessions
    {"challenges_total", Type::counter, "Sign-in challenges issued."},
    {"signins_total", Type::counter, "Sign-ins answered.", Domain::outcome},
    {"sessions_ended_total", Type::counter, "Sessions ended, by reason.", Domain::code, Domain::variant},
    {"control_log_age_seconds", Type::gauge, "Since the control log was last read to its end."},
    {"control_hints_total", Type::counter,
     "Other nodes asked to read the control log after an ending, by whether they did.", Domain::outcome},
    {"ending_settled_seconds", Type::histogram,
     "From the commit of an ending until no node takes work for its session.", Domain::none, Domain::none,
     Buckets::seconds},
    {"endings_reasserted_total", Type::counter, "Endings that the store had lost and was given again."},
    {"renewals_total", Type::counter, "Renewals of access tokens answered.", Domain::renewal, Domain::variant},
    {"tickets_total", Type::counter, "Tickets that came with a connect command.", Domain::outcome},
    {"auth_failures_total", Type::counter, "Sign-ins and tokens refused, by code.", Domain::code},
    {"operator_calls_total", Type::counter, "Calls of the server API by operators' tokens.", Domain::outcome},
    // webhooks
    {"webhook_deliveries_total", Type::counter, "Batches of events sent to webhooks.", Domain::outcome},
    {"webhook_lag_seconds", Type::gauge, "How long the oldest event that a webhook has not taken has waited."},
    {"jwks_fetches_total", Type::counter, "Key sets of trusted issuers fetched.", Domain::outcome},
    {"jwks_age_seconds", Type::gauge, "Since the oldest key set of a trusted issuer was fetched."},
    // store
    {"store_commits_total", Type::counter, "Group commits of the store."},
    {"store_commit_seconds", Type::histogram, "Duration of a group commit.", Domain::none, Domain::none,
     Buckets::seconds},
    {"store_group_size", Type::histogram, "Operations in a group commit.", Domain::none, Domain::none, Buckets::sizes},
    {"store_operations_total", Type::counter, "Operations given to the store, reading and writing."},
    {"store_failures_total", Type::counter, "Operations the store refused, by code.", Domain::code},
    // redis
    {"redis_clients", Type::gauge, "Clients of Redis that this process runs.", Domain::redis_role},
    {"redis_in_touch", Type::gauge, "Those of them whose servers all answer, and hand on what is published.",
     Domain::redis_role},
    {"redis_commands_total", Type::counter, "Commands given to Redis.", Domain::redis_role},
    {"redis_errors_total", Type::counter, "Commands that Redis refused, or that got no answer in time.",
     Domain::redis_role},
    {"redis_reconnects_total", Type::counter, "Connections to Redis that were lost or came to nothing.",
     Domain::redis_role},
    {"redis_queue", Type::gauge, "Commands that wait for the answer of Redis.", Domain::redis_role},
    {"redis_seconds", Type::histogram, "From a command given to Redis to its answer.", Domain::none, Domain::none,
     Buckets::seconds},
    // broker
    {"broker_published_total", Type::counter, "Publications given to the shared broker."},
    {"broker_published_bytes_total", Type::counter, "Their bytes."},
    {"broker_received_total", Type::counter, "Publications, joins and leaves that came from the shared broker."},
    {"broker_received_bytes_total", Type::counter, "Their bytes."},
    {"broker_dropped_total", Type::counter, "Messages and entries of the shared broker that could not be read."},
    {"broker_recoveries_total", Type::counter, "Recoveries asked of the shared broker.", Domain::recovery},
    {"broker_forks_total", Type::counter, "Streams found to go on at another server."},
    {"broker_interrupted_total", Type::counter, "Times a channel's publications may have been missed."},
    {"broker_asked_total", Type::counter, "Times a channel's home asked the shared broker for what it had not got."},
    {"broker_caught_up_total", Type::counter, "Publications that came so."},
    {"broker_moved_total", Type::counter,
     "Channels whose subscribers were told that publications are lost, or that the epoch is new."},
    {"broker_pushes_waiting", Type::gauge, "Messages of the server's own that wait for the shared broker."},
    {"broker_pushes_lost_total", Type::counter, "Those that no place was left for, or that it could not take."},
    {"nodes", Type::gauge, "Nodes of the deployment that this one hears of, itself included."},
    {"broker_leaves_for_dead_total", Type::counter, "Leaves told for nodes that had vanished."},
    {"broker_script_errors_total", Type::counter, "Answers of the shared broker that were errors of ours."},
    // inside
    {"mailbox_full_total", Type::counter, "Messages between shards refused by a full mailbox."},
    {"notifications_created_total", Type::counter, "Notifications made, one for each user."},
    {"notification_pushes_total", Type::counter, "Times a user's tabs were told of notifications made, read, removed."},
    {"unsigned_wallet_total", Type::counter,
     "Calls whose caller a wallet's address alone named (compat.unsigned_wallet)."},
    {"reloads_total", Type::counter, "Times the configuration was read anew.", Domain::outcome},
    {"log_dropped_total", Type::counter, "Log lines dropped by a full queue."},
    {"log_suppressed_total", Type::counter, "Log lines left out of floods (limits.log_burst)."},
};

inline constexpr std::size_t kFamilyCount = std::size(kFamilies);

constexpr std::size_t bucket_count(Buckets buckets) {
  switch (buckets) {
    case Buckets::none: return 0;
    case Buckets::seconds: return kSecondsBounds.size() + 1;
    case Buckets::sizes: return kSizesBounds.size() + 1;
  }
  return 0;
}
/// Slots of one series: a histogram has its buckets and its sum.
constexpr std::size_t width_of(const Family& family) {
  return family.type == Type::histogram ? bucket_count(family.buckets) + 1 : 1;
}
constexpr std::size_t slots_of(const Family& family) {
  return width_of(family) * size_of(family.first) * size_of(family.second);
}

inline constexpr auto kBases = [] {
  std::array<std::size_t, kFamilyCount + 1> bases{};
  for (std::size_t i = 0; i < kFamilyCount; ++i) bases[i + 1] = bases[i] + slots_of(kFamilies[i]);
  return bases;
}();
inline constexpr std::size_t kSlotCount = kBases[kFamilyCount];

}  // namespace gatecast::metrics
