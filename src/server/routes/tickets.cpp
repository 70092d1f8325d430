// Tickets: what a page may put into a URL to connect, in place of its access token.
#include "server/json/json_out.hpp"
#include "server/routes/handlers.hpp"

namespace gatecast::server {

Task<http::Response> auth_ticket(Exchange& exchange) {
  auto caller = co_await bearer(exchange);
  if (!caller) co_return failure(exchange, caller.error());
  JsonOut out;
  out.boolean("success", true).text("ticket", exchange.services().sessions.ticket(*caller));
  out.number("expiresIn", session::kTicketLife.count());
  co_return json_response(out.done());
}

}  // namespace gatecast::server
