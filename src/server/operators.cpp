#include "server/operators.hpp"

#include <algorithm>
#include <array>

#include "crypto/constant_time.hpp"
#include "crypto/hash.hpp"
#include "metrics/registry.hpp"

namespace gatecast::server {
namespace {

// Each can be taken back, or does no more than close what the client opens again; each leaves a row in the audit log.
constexpr std::array<std::string_view, 6> kActs{"disconnect",   "session_end", "user_block",
                                                "user_unblock", "grant_add",   "grant_remove"};
// They make tokens, or are for the machine's own operators; some of them are without an effect by their table's row.
constexpr std::array<std::string_view, 2> kClosedScopes{"mint", kOperatorScope};

const Operator* find_operator(const Services& services, std::string_view token) {
  const auto digest = crypto::sha256(token);
  const Operator* found = nullptr;
  for (const auto& one : services.settings.get().operators) {
    if (crypto::equal(one.digest, digest)) found = &one;
  }
  return found;
}

}  // namespace

bool brings_operator(const http::Request& request) {
  return request.header("X-API-Key").empty() && !request.header("Authorization").empty();
}

Task<Result<const Operator*>> check_operator(const Exchange& exchange, std::string token,
                                             std::chrono::seconds& retry_after) {
  auto& services = exchange.services();
  const auto verdict = co_await services.limiter.check(RateClass::operators, exchange.ip);
  if (!verdict.allowed) {
    metrics::count<"rate_limited_total">(RateClass::operators);
    retry_after = verdict.retry_after;
    co_return fail(Errc::rate_limited, "operators' tokens");
  }
  const auto* found = find_operator(services, token);
  if (found == nullptr) {
    metrics::count<"auth_failures_total">(Errc::operator_unknown);
    co_return Errc::operator_unknown;
  }
  co_await services.limiter.give_back(RateClass::operators, exchange.ip);
  co_return found;
}

Task<Result<const Operator*>> admit_operator(const Exchange& exchange, std::chrono::seconds& retry_after) {
  auto found = co_await check_operator(exchange, bearer_token(exchange.request), retry_after);
  if (!found && found.error().code == Errc::operator_unknown) {
    metrics::count<"operator_calls_total">(metrics::Outcome::refused);
  }
  co_return found;
}

Result<void> operator_may(const Operator& person, const ApiEntry& entry) {
  if (std::ranges::find(kClosedScopes, entry.scope) != kClosedScopes.end()) {
    return fail(Errc::operator_method, fmt::format("operator:{} asked for {}", person.name, entry.name));
  }
  if (!entry.writes) return {};
  if (std::ranges::find(kActs, entry.name) == kActs.end()) {
    return fail(Errc::operator_method, fmt::format("operator:{} asked for {}", person.name, entry.name));
  }
  if (!person.may_act()) {
    return fail(Errc::operator_role, fmt::format("operator:{} asked for {}", person.name, entry.name));
  }
  return {};
}

}  // namespace gatecast::server
