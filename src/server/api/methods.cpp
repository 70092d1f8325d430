#include "server/api/methods.hpp"

#include <array>

#include "core/log.hpp"
#include "crypto/hash.hpp"
#include "limits/idempotency.hpp"
#include "metrics/registry.hpp"
#include "server/json/json_out.hpp"
#include "server/operators.hpp"

namespace gatecast::server {
namespace {

constexpr std::array kMethods{
    ApiEntry{"publish", "publish", api_publish, true},
    ApiEntry{"broadcast", "publish", api_broadcast, true},
    ApiEntry{"subscribe", "connections", api_subscribe, true},
    ApiEntry{"unsubscribe", "connections", api_unsubscribe, true},
    ApiEntry{"refresh", "connections", api_refresh, true},
    ApiEntry{"presence", "presence", api_presence},
    ApiEntry{"presence_stats", "presence", api_presence_stats},
    ApiEntry{"channels", "presence", api_channels},
    ApiEntry{"history", "history", api_history},
    ApiEntry{"history_remove", "history", api_history_remove, true},
    ApiEntry{"connections", "connections", api_connections},
    ApiEntry{"disconnect", "connections", api_disconnect, true},
    ApiEntry{"info", "connections", api_info},
    ApiEntry{"user_upsert", "users", api_user_upsert, true},
    ApiEntry{"user_get", "users", api_user_get},
    ApiEntry{"user_list", "users", api_user_list},
    ApiEntry{"user_block", "users", api_user_block, true},
    ApiEntry{"user_unblock", "users", api_user_unblock, true},
    ApiEntry{"user_delete", "users", api_user_delete, true},
    ApiEntry{"user_export", "users", api_user_export},
    ApiEntry{"grant_add", "grants", api_grant_add, true},
    ApiEntry{"grant_remove", "grants", api_grant_remove, true},
    ApiEntry{"grants", "grants", api_grants},
    ApiEntry{"notify", "notify", api_notify, true},
    ApiEntry{"notifications", "notify", api_notifications},
    ApiEntry{"notification_remove", "notify", api_notification_remove, true},
    ApiEntry{"sessions", "sessions", api_sessions},
    ApiEntry{"session_end", "sessions", api_session_end, true},
    ApiEntry{"token_mint", "mint", api_token_mint, true},
    ApiEntry{"subscription_token", "mint", api_subscription_token},
    ApiEntry{"events", "events", api_events},
    ApiEntry{"token_doctor", "doctor", api_token_doctor},
    ApiEntry{"checks", "doctor", api_checks},
    ApiEntry{"audit", "audit", api_audit},
    ApiEntry{"whoami", kAnyScope, api_whoami},
    ApiEntry{"config", "audit", api_config},
    ApiEntry{"log_tail", "audit", api_log_tail},
    ApiEntry{"backup", kOperatorScope, api_backup, true},
    ApiEntry{"reload", kOperatorScope, api_reload},
};

}  // namespace

Result<void> ApiCall::may(const ApiEntry& entry) const {
  if (person != nullptr) return operator_may(*person, entry);
  if (entry.scope == kAnyScope) return {};
  if (key == nullptr || (entry.scope != kOperatorScope && key->allows(entry.scope))) return {};
  return fail(Errc::api_scope, fmt::format("{} lacks scope {}", actor, entry.scope));
}

Result<const ApiEntry*> find_api_method(const ApiCall& call, std::string_view name) {
  for (const auto& entry : kMethods) {
    if (entry.name != name) continue;
    if (auto may = call.may(entry); !may) return may.error();
    return &entry;
  }
  return Errc::method_not_found;
}

std::vector<std::string_view> methods_of(const ApiCall& call) {
  std::vector<std::string_view> names;
  for (const auto& entry : kMethods) {
    if (call.may(entry)) names.push_back(entry.name);
  }
  return names;
}

std::string error_json(const Error& error) {
  const auto& code = info(error.code);
  metrics::count<"refusals_total">(error.code);
  const auto number = code.reply != 0 ? code.reply : info(Errc::bad_request).reply;
  return JsonOut().number("code", number).text("message", code.message).text("name", code.name).done();
}

std::string answer_json(const Answer& answer) {
  if (answer) return JsonOut().raw("result", *answer).done();
  return JsonOut().raw("error", error_json(answer.error())).done();
}

namespace {

/// The key of a call with an effect: header or member, of 1 to 128 printable characters.
Result<std::string> idempotency_key(const JsonIn& params, std::string_view header) {
  auto member = params.optional_text("idempotency_key");
  if (!member) return member.error();
  if (!member->empty() && !header.empty() && *member != header) {
    return fail(Errc::field_invalid, "idempotency_key: header and member differ");
  }
  std::string key = member->empty() ? std::string(header) : std::move(*member);
  const bool printable = std::ranges::all_of(key, [](char c) { return c >= 0x20 && c < 0x7f; });
  if (key.size() > kIdempotencyKeyMax || !printable) {
    return fail(Errc::field_invalid, "idempotency_key: 1 to 128 printable characters");
  }
  return key;
}

/// Whether the call had no effect for a reason that passes.
bool may_try_again(const Answer& answer) { return !answer && info(answer.error().code).temporary; }

// An answer is kept as its JSON; a refusal by its name, for it is told by the code's fixed text.
std::string kept_form(const Answer& answer) {
  return answer ? "+" + *answer : fmt::format("-{}", info(answer.error().code).name);
}

Answer answer_kept(std::string_view kept) {
  if (kept.starts_with('+')) return std::string(kept.substr(1));
  for (std::size_t i = 0; i < kErrcCount; ++i) {
    if (info(static_cast<Errc>(i)).name == kept.substr(1)) return static_cast<Errc>(i);
  }
  return Errc::internal;
}

}  // namespace

Task<Answer> run_api(ApiCall& call, const ApiEntry& entry, std::string_view params, std::string_view idempotency) {
  const std::string_view text = params.empty() ? std::string_view("{}") : params;
  auto in = JsonIn::parse(text);
  if (!in) co_return in.error();
  if (!entry.writes) co_return co_await entry.method(call, *in);
  auto key = idempotency_key(*in, idempotency);
  if (!key) co_return key.error();
  if (key->empty()) co_return co_await entry.method(call, *in);
  auto& calls = call.services().idempotency;
  auto ticket = co_await calls.begin(fmt::format("{}\n{}", call.actor, entry.name), *key, crypto::sha256(text));
  if (!ticket) co_return ticket.error();
  if (ticket->answer) co_return answer_kept(*ticket->answer);
  Answer answer = co_await entry.method(call, *in);
  if (may_try_again(answer)) {
    co_await calls.give_up(std::move(*ticket));
  } else {
    co_await calls.done(std::move(*ticket), kept_form(answer));
  }
  co_return answer;
}

Task<void> audit_call(const ApiCall& call, std::string_view method, std::string user_id, std::string sid,
                      std::string what) {
  store::AuditRow row{.at = call.services().clock.wall(),
                      .kind = "api_call",
                      .user_id = std::move(user_id),
                      .sid = std::move(sid),
                      .ip = call.ip,
                      .detail = fmt::format("{} {}{}{}", call.actor, method, what.empty() ? "" : " ", what)};
  auto written = co_await call.services().store.audit({std::move(row)});
  if (!written) log::warn("audit_failed", {{"code", info(written.error().code).name}, {"actor", call.actor}});
}

}  // namespace gatecast::server
