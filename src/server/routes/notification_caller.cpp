#include "server/routes/notification_caller.hpp"

#include "core/log.hpp"
#include "http/query.hpp"
#include "metrics/registry.hpp"
#include "session/accounts.hpp"

namespace gatecast::server {
namespace {

/// The address that the call names, in the header before the query, or empty.
Result<std::string> named_wallet(const http::Request& request) {
  // Several fields are joined, and the joined text is nobody's address.
  std::string wallet = http::join_header(request.headers, kWalletHeader);
  if (!wallet.empty()) return wallet;
  const auto found = http::find_query(request.query, "wallet");
  if (found.duplicate || found.malformed) return fail(Errc::field_invalid, "wallet: not one address");
  return found.value.value_or("");
}

}  // namespace

Task<Result<std::string>> notifications_owner(const Exchange& exchange) {
  const auto& request = exchange.request;
  auto& services = exchange.services();
  Result<std::string> wallet = std::string();
  if (http::join_header(request.headers, "Authorization").empty()) wallet = named_wallet(request);
  if (!wallet) co_return wallet.error();
  if (wallet->empty()) {
    auto caller = co_await bearer(exchange, Foreign::accept);
    if (!caller) co_return caller.error();
    co_return std::move(caller->user_id);
  }
  if (!services.config.compat.unsigned_wallet) co_return Errc::wallet_unproven;
  const std::string_view kind = wallet->starts_with("0x") ? "ethereum" : "solana";
  auto subject = session::stored_subject(kind, *wallet);
  if (!subject) co_return subject.error();
  auto view = co_await services.store.user_of(std::string(kind), std::move(*subject));
  if (!view && view.error().code != Errc::user_unknown) co_return view.error();
  std::string user = view ? view->user.id : std::string();
  metrics::count<"unsigned_wallet_total">();
  log::warn("unsigned_wallet",
            {{"user", user}, {"route", exchange.route.name}, {"ip", exchange.ip}, {"request", exchange.request_id}});
  if (view && view->user.blocked) co_return Errc::user_blocked;
  co_return user;
}

bool takes_wallet_header(const Services& services, std::string_view route) {
  return services.config.compat.unsigned_wallet && route.starts_with("notifications");
}

}  // namespace gatecast::server
