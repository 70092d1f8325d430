// The server API's `reload`, for operators at the control socket.
#include "server/api/methods.hpp"
#include "server/reloading.hpp"

namespace gatecast::server {

Task<Answer> api_reload(ApiCall& call, const JsonIn& params) {
  if (auto known = params.only({}); !known) co_return known.error();
  const ReloadReport report = co_await call.services().reloading->ask();
  co_await audit_call(call, "reload", {}, {}, report.taken ? "taken" : "refused");
  co_return reload_json(report);
}

}  // namespace gatecast::server
