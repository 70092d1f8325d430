// The methods of the server API, by file: api_publish.cpp, api_channels.cpp, api_connections.cpp,
// api_connection_list.cpp, api_subscriptions.cpp, api_users.cpp, api_sessions.cpp, api_tokens.cpp, api_events.cpp,
// api_doctor.cpp, api_console.cpp, api_grants.cpp; the table that names them is api_methods.cpp.
//
// Place: between the ways in – POST /api/<method>, POST /api, the control socket – and what they ask for; every way in
// goes through `run_api`, so that scopes, idempotency keys and the audit hold for all. Threads: the caller's shard.
// Lifetime: call and params outlive the task. Errors: codes of the registry; api_scope, method_not_found,
// operator_role, operator_method, idempotency_conflict, idempotency_busy before the method is run.
#pragma once

#include <string>
#include <string_view>

#include "server/json/json_in.hpp"
#include "server/services.hpp"
#include "server/socket/worker.hpp"

namespace gatecast::server {

struct ApiEntry;

/// Who calls, and through which shard.
struct ApiCall {
  Worker& worker;
  const ApiKey* key = nullptr;       // a back end
  const Operator* person = nullptr;  // an operator by token; neither: one at the control socket, who may do everything
  std::string actor;                 // "key:NAME", "operator:NAME" or "operator:UID": what the audit keeps
  std::string ip{};                  // empty for an operator
  std::string user_agent{};

  Services& services() const { return worker.services(); }
  /// Errors: api_scope, operator_role, operator_method.
  Result<void> may(const ApiEntry& entry) const;
};

using Answer = Result<std::string>;  // the result's JSON
using ApiMethod = Task<Answer> (*)(ApiCall&, const JsonIn&);

struct ApiEntry {
  std::string_view name;
  std::string_view scope;
  ApiMethod method;
  bool writes = false;  // has an effect: idempotency keys count
};

/// Scope of what only an operator at the control socket may do; no key has it.
inline constexpr std::string_view kOperatorScope = "operator";
/// Scope of what every caller may ask.
inline constexpr std::string_view kAnyScope = "";
inline constexpr std::size_t kIdempotencyKeyMax = 128;

/// What the caller may call, by name.
std::vector<std::string_view> methods_of(const ApiCall& call);
/// Errors: method_not_found, api_scope, operator_role, operator_method.
Result<const ApiEntry*> find_api_method(const ApiCall& call, std::string_view name);
/// Runs the method once for an idempotency key (of the header, or member `idempotency_key`).
Task<Answer> run_api(ApiCall& call, const ApiEntry& entry, std::string_view params, std::string_view idempotency_key);
/// `{code, message, name}`; counts a refusal.
std::string error_json(const Error& error);
/// `{"result":…}` or `{"error":{code, message, name}}`; counts a refusal.
std::string answer_json(const Answer& answer);
/// Notes in the audit log who had what done; a method whose store operation does not do so itself calls it.
Task<void> audit_call(const ApiCall& call, std::string_view method, std::string user_id, std::string sid,
                      std::string what);

Task<Answer> api_publish(ApiCall& call, const JsonIn& params);
Task<Answer> api_broadcast(ApiCall& call, const JsonIn& params);
Task<Answer> api_subscribe(ApiCall& call, const JsonIn& params);
Task<Answer> api_unsubscribe(ApiCall& call, const JsonIn& params);
Task<Answer> api_subscription_token(ApiCall& call, const JsonIn& params);
Task<Answer> api_refresh(ApiCall& call, const JsonIn& params);
Task<Answer> api_presence(ApiCall& call, const JsonIn& params);
Task<Answer> api_presence_stats(ApiCall& call, const JsonIn& params);
Task<Answer> api_history(ApiCall& call, const JsonIn& params);
Task<Answer> api_history_remove(ApiCall& call, const JsonIn& params);
Task<Answer> api_channels(ApiCall& call, const JsonIn& params);
Task<Answer> api_connections(ApiCall& call, const JsonIn& params);
Task<Answer> api_disconnect(ApiCall& call, const JsonIn& params);
Task<Answer> api_info(ApiCall& call, const JsonIn& params);
Task<Answer> api_user_upsert(ApiCall& call, const JsonIn& params);
Task<Answer> api_user_get(ApiCall& call, const JsonIn& params);
Task<Answer> api_user_list(ApiCall& call, const JsonIn& params);
Task<Answer> api_user_block(ApiCall& call, const JsonIn& params);
Task<Answer> api_user_unblock(ApiCall& call, const JsonIn& params);
Task<Answer> api_user_delete(ApiCall& call, const JsonIn& params);
Task<Answer> api_user_export(ApiCall& call, const JsonIn& params);
Task<Answer> api_grant_add(ApiCall& call, const JsonIn& params);
Task<Answer> api_grant_remove(ApiCall& call, const JsonIn& params);
Task<Answer> api_grants(ApiCall& call, const JsonIn& params);
Task<Answer> api_notify(ApiCall& call, const JsonIn& params);
Task<Answer> api_notifications(ApiCall& call, const JsonIn& params);
Task<Answer> api_notification_remove(ApiCall& call, const JsonIn& params);
Task<Answer> api_sessions(ApiCall& call, const JsonIn& params);
Task<Answer> api_session_end(ApiCall& call, const JsonIn& params);
Task<Answer> api_token_mint(ApiCall& call, const JsonIn& params);
Task<Answer> api_events(ApiCall& call, const JsonIn& params);
Task<Answer> api_token_doctor(ApiCall& call, const JsonIn& params);
Task<Answer> api_checks(ApiCall& call, const JsonIn& params);
Task<Answer> api_audit(ApiCall& call, const JsonIn& params);
Task<Answer> api_whoami(ApiCall& call, const JsonIn& params);
Task<Answer> api_config(ApiCall& call, const JsonIn& params);
Task<Answer> api_log_tail(ApiCall& call, const JsonIn& params);
Task<Answer> api_backup(ApiCall& call, const JsonIn& params);
Task<Answer> api_reload(ApiCall& call, const JsonIn& params);

/// All notifications of a user as a JSON array, the newest first: for an export.
Task<Result<std::string>> exported_notifications(ApiCall& call, std::string user_id);

}  // namespace gatecast::server
