// GET /api/user/grants: what the caller holds.
#include "access/grants.hpp"

#include "server/json/grant_json.hpp"
#include "server/routes/handlers.hpp"

namespace gatecast::server {

Task<http::Response> user_grants(Exchange& exchange) {
  auto caller = co_await bearer(exchange, Foreign::accept);
  if (!caller) co_return failure(exchange, caller.error());
  auto held = co_await exchange.services().grants->load(caller->user_id);
  if (!held) co_return failure(exchange, held.error());
  JsonOut out;
  out.boolean("success", true).number("version", (**held).version).raw("grants", grants_json(**held));
  co_return json_response(out.done());
}

}  // namespace gatecast::server
