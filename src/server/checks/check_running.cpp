#include "server/checks/check_running.hpp"

#include <algorithm>

#include "core/log.hpp"
#include "metrics/registry.hpp"
#include "server/nodes/neighbours.hpp"
#include "server/services.hpp"
#include "server/socket/worker.hpp"

namespace gatecast::server {
namespace {

using std::chrono::seconds;

/// The control log is read every five seconds, and counts as fresh for fifteen.
constexpr seconds kTouchFail{15};
constexpr seconds kDriftWarn{5};
constexpr seconds kLagWarn{60}, kLagFail{3600};
constexpr seconds kKeysWarn{2 * 3600}, kKeysFail{23 * 3600};

std::string span_text(Duration d) {
  const auto s = std::chrono::round<seconds>(d).count();
  if (s < 120) return fmt::format("{} s", s);
  return s < 7200 ? fmt::format("{} min", s / 60) : fmt::format("{} h", s / 3600);
}

Check by_age(CheckId id, Duration age, Duration warn, Duration fail, std::string seen) {
  if (age >= fail) return check_fail(id, std::move(seen));
  return age >= warn ? check_warn(id, std::move(seen)) : check_ok(id, std::move(seen));
}

void check_shared(const RunningFacts& f, Checks& out) {
  if (f.broker_in_touch) {
    out.push_back(*f.broker_in_touch ? check_ok("broker.touch", fmt::format("{} other nodes", f.others.size()))
                                     : check_fail("broker.touch", "nothing has come back for seconds"));
  }
  if (f.cache_in_touch) {
    out.push_back(*f.cache_in_touch ? check_ok("cache.touch", "it answers") : check_warn("cache.touch", "no answer"));
  }
  if (!f.broker_in_touch) return;
  auto nodes = check_nodes(f.mine, f.version, f.others);
  std::ranges::move(nodes, std::back_inserter(out));
}

}  // namespace

RunningFacts look_at_running(const Services& services) {
  const auto& config = services.config;
  RunningFacts facts{.version = services.version,
                     .uptime = services.clock.wall() - services.started,
                     .out_of_touch = services.sessions.out_of_touch(),
                     .log_dropped = log::dropped_lines(),
                     .connections = static_cast<std::uint64_t>(metrics::total("connections_open")),
                     .connections_max = std::uint64_t{config.limits.connections} * services.workers.size(),
                     .forwarded_untrusted = static_cast<std::uint64_t>(metrics::total("forwarded_untrusted_total")),
                     .forwarder = services.sightings.forwarder()};
  if (!config.webhooks.empty()) facts.webhook_lag = seconds(std::int64_t(metrics::total("webhook_lag_seconds")));
  const bool fetches = std::ranges::any_of(config.token.trusted, [](const auto& t) { return !t.jwks_url.empty(); });
  if (fetches) facts.keys_age = seconds(std::int64_t(metrics::total("jwks_age_seconds")));
  if (services.nodes != nullptr) {
    facts.broker_in_touch = services.nodes->in_touch();
    facts.mine = facts_of(services, services.neighbours->history());
    facts.others = neighbours_of(*services.nodes);
  }
  if (services.shared_cache != nullptr) facts.cache_in_touch = services.shared_cache->in_touch();
  return facts;
}

Checks check_running(const RunningFacts& f) {
  Checks out;
  out.push_back(check_ok("server.running", fmt::format("version {}, for {}", f.version, span_text(f.uptime))));
  out.push_back(f.store_problem.empty() ? check_ok("store.answers", "a round trip to the writer")
                                        : check_fail("store.answers", f.store_problem));
  out.push_back(by_age("revocation.fresh", f.out_of_touch, kTouchFail, kTouchFail,
                       fmt::format("read {} ago", span_text(f.out_of_touch))));
  const auto drift = f.clock_drift < Duration{} ? -f.clock_drift : f.clock_drift;
  const auto drifted = fmt::format("the clock moved {} {} than time passed", span_text(drift),
                                   f.clock_drift < Duration{} ? "less" : "more");
  out.push_back(drift >= kDriftWarn ? check_warn("clock.steps", drifted) : check_ok("clock.steps", "no step seen"));
  out.push_back(f.log_dropped != 0 ? check_warn("log.dropped", fmt::format("{} lines since the start", f.log_dropped))
                                   : check_ok("log.dropped", "none"));
  const auto full = fmt::format("{} open of at most {}", f.connections, f.connections_max);
  out.push_back(f.connections * 10 >= f.connections_max * 8 ? check_warn("limits.connections", full)
                                                            : check_ok("limits.connections", full));
  if (f.webhook_lag) {
    out.push_back(by_age("webhook.lag", *f.webhook_lag, kLagWarn, kLagFail,
                         fmt::format("the oldest event not taken is {} old", span_text(*f.webhook_lag))));
  }
  check_shared(f, out);
  if (f.keys_age) {
    out.push_back(by_age("trusted.age", *f.keys_age, kKeysWarn, kKeysFail,
                         fmt::format("the oldest key set is {} old", span_text(*f.keys_age))));
  }
  if (f.forwarded_untrusted == 0) {
    out.push_back(check_ok("proxy.untrusted", "no request was forwarded by a stranger"));
  } else {
    out.push_back(check_warn(
        "proxy.untrusted",
        fmt::format("{} request{} with X-Forwarded-For, the last from {}", f.forwarded_untrusted,
                    f.forwarded_untrusted == 1 ? "" : "s", f.forwarder),
        fmt::format(
            "Where {0} is your proxy: http.trusted_proxies = [\"{0}\"]; else somebody sends it to pass for another.",
            f.forwarder)));
  }
  return out;
}

}  // namespace gatecast::server
