#include "metrics/labels.hpp"

namespace gatecast::metrics {
namespace {

constexpr std::array<std::string_view, 13> kCommands{
    "connect", "subscribe", "unsubscribe", "publish", "presence",    "presence_stats", "history",
    "ping",    "send",      "rpc",         "refresh", "sub_refresh", "other"};
static_assert(kCommands.size() == size_of(Domain::command));
constexpr std::array<std::string_view, 6> kRateClasses{"none", "liberal", "strict", "connect", "api", "operators"};
static_assert(static_cast<std::size_t>(RateClass::operators) + 1 == kRateClasses.size());

constexpr std::array<std::string_view, 5> kRenewals{"rotated", "repeated", "reissued", "reused", "refused"};
static_assert(kRenewals.size() == size_of(Domain::renewal));

constexpr std::array<std::string_view, 3> kRecoveries{"recovered", "unrecovered", "busy"};
static_assert(kRecoveries.size() == size_of(Domain::recovery));

constexpr std::array<std::string_view, 4> kGrantChanges{"added", "changed", "removed", "expired"};
static_assert(kGrantChanges.size() == size_of(Domain::grant_change));

constexpr std::array<std::string_view, 3> kRedisRoles{"broker", "cache", "nodes"};
static_assert(kRedisRoles.size() == size_of(Domain::redis_role));

std::vector<std::string>& variant_names() {
  static std::vector<std::string> names;
  return names;
}

std::string_view variant_text(std::size_t index) {
  const auto& names = variant_names();
  return index == 0 || index > names.size() ? "none" : std::string_view(names[index - 1]);
}

std::string_view status_text(std::size_t index) {
  static const auto texts = [] {
    std::array<std::string, kStatuses.size()> out;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = std::to_string(kStatuses[i]);
    return out;
  }();
  return index < texts.size() ? std::string_view(texts[index]) : "other";
}

}  // namespace

void name_variants(std::vector<std::string> names) { variant_names() = std::move(names); }

std::string_view label_name(Domain domain) {
  switch (domain) {
    case Domain::none: return "";
    case Domain::code: return "code";
    case Domain::command: return "type";
    case Domain::outcome: return "outcome";
    case Domain::rate_class: return "class";
    case Domain::route: return "route";
    case Domain::status: return "status";
    case Domain::renewal: return "outcome";
    case Domain::variant: return "variant";
    case Domain::recovery: return "outcome";
    case Domain::grant_change: return "change";
    case Domain::redis_role: return "role";
  }
  return "";
}

std::string_view label_value(Domain domain, std::size_t index) {
  switch (domain) {
    case Domain::none: return "";
    case Domain::code: return info(static_cast<Errc>(index)).name;
    case Domain::command: return kCommands[index];
    case Domain::outcome: return index == 0 ? "ok" : "refused";
    case Domain::rate_class: return kRateClasses[index];
    case Domain::route: return index < kRoutes.size() ? kRoutes[index].name : "unknown";
    case Domain::status: return status_text(index);
    case Domain::renewal: return kRenewals[index];
    case Domain::variant: return variant_text(index);
    case Domain::recovery: return kRecoveries[index];
    case Domain::grant_change: return kGrantChanges[index];
    case Domain::redis_role: return kRedisRoles[index];
  }
  return "";
}

}  // namespace gatecast::metrics
