// Further identities of a user: linked by a proof of their own, removed again.
#include "core/log.hpp"
#include "server/json/session_json.hpp"
#include "server/routes/handlers.hpp"
#include "server/routes/proof_in.hpp"

namespace gatecast::server {
namespace {

using ReadProof = Result<session::Proof> (*)(const JsonIn&);

Task<http::Response> link_by(Exchange& exchange, ReadProof read) {
  auto caller = co_await bearer(exchange);
  if (!caller) co_return failure(exchange, caller.error());
  auto body = body_of(exchange);
  if (!body) co_return failure(exchange, body.error());
  auto proof = read(*body);
  if (!proof) co_return failure(exchange, proof.error());
  auto confirming = confirming_proof(*body);
  if (!confirming) co_return failure(exchange, confirming.error());
  auto linked =
      co_await exchange.services().sessions.link(*caller, std::move(*proof), std::move(*confirming), exchange.ip);
  if (!linked) co_return failure(exchange, linked.error());
  log::info("link", {{"user", caller->user_id},
                     {"sid", caller->sid},
                     {"kind", linked->identity.kind},
                     {"ip", exchange.ip},
                     {"request", exchange.request_id}});
  JsonOut out;
  out.boolean("success", true).object("identity", identity_json(linked->identity)).boolean("linked", linked->now);
  co_return json_response(out.done());
}

}  // namespace

Task<http::Response> link_wallet(Exchange& exchange) { return link_by(exchange, wallet_proof); }

Task<http::Response> link_telegram(Exchange& exchange) { return link_by(exchange, telegram_proof); }

Task<http::Response> identity_unlink(Exchange& exchange) {
  auto caller = co_await bearer(exchange);
  if (!caller) co_return failure(exchange, caller.error());
  auto confirming = confirming_of(exchange);
  if (!confirming) co_return failure(exchange, confirming.error());
  const std::string id(exchange.match.param("id"));
  auto unlinked = co_await exchange.services().sessions.unlink(*caller, id, std::move(*confirming), exchange.ip);
  if (!unlinked) co_return failure(exchange, unlinked.error());
  log::info("unlink", {{"user", caller->user_id},
                       {"sid", caller->sid},
                       {"kind", unlinked->identity.kind},
                       {"ended", unlinked->ended.size()},
                       {"ip", exchange.ip},
                       {"request", exchange.request_id}});
  co_return json_response(JsonOut().boolean("success", true).number("ended", unlinked->ended.size()).done());
}

}  // namespace gatecast::server
