// Server API: what the running server says of its own state, and how a probe of `gatecast doctor --url` arrived.
#include "server/api/methods.hpp"
#include "server/checks/check_running.hpp"
#include "server/checks/self_checks.hpp"
#include "server/json/json_out.hpp"

namespace gatecast::server {
namespace {

std::string sighting_json(const Sighting& seen) {
  return JsonOut()
      .text("peer", seen.peer)
      .text("ip", seen.ip)
      .text("scheme", seen.scheme)
      .boolean("trusted", seen.trusted)
      .boolean("forwarded", seen.forwarded)
      .done();
}

}  // namespace

Task<Answer> api_checks(ApiCall& call, const JsonIn& params) {
  if (auto known = params.only({"probe"}); !known) co_return known.error();
  auto probe = params.optional_text("probe");
  if (!probe) co_return probe.error();
  auto& services = call.services();
  JsonOut out;
  if (!probe->empty()) {
    // Who asks for a probe asks for nothing else, and again soon.
    const auto seen = services.sightings.find(*probe);
    co_return out.raw("sighting", seen ? sighting_json(*seen) : "null").done();
  }
  auto facts = look_at_running(services);
  auto store = co_await services.store.ping();
  if (!store) facts.store_problem = fmt::format("{}: {}", info(store.error().code).name, store.error().detail);
  facts.clock_drift = services.checks->clock_drift();
  Checks checks = check_running(facts);
  auto host = co_await services.checks->ask();
  checks.insert(checks.end(), std::make_move_iterator(host.begin()), std::make_move_iterator(host.end()));
  sort_by_need(checks);
  co_return out.raw("checks", checks_json(checks)).done();
}

}  // namespace gatecast::server
