// The handlers of the route table, by file: routes_auth.cpp, routes_session.cpp, routes_api.cpp, routes_ops.cpp,
// routes_pages.cpp.
#pragma once

#include "server/routes/exchange.hpp"

namespace gatecast::server {

Task<http::Response> wallet_challenge(Exchange& exchange);
Task<http::Response> wallet_signin(Exchange& exchange);
Task<http::Response> auth_check(Exchange& exchange);
Task<http::Response> auth_session(Exchange& exchange);
Task<http::Response> auth_validate(Exchange& exchange);
Task<http::Response> auth_logout(Exchange& exchange);

Task<http::Response> auth_refresh(Exchange& exchange);
Task<http::Response> auth_logout_others(Exchange& exchange);
Task<http::Response> auth_logout_all(Exchange& exchange);
Task<http::Response> auth_sessions(Exchange& exchange);
Task<http::Response> auth_session_end(Exchange& exchange);

Task<http::Response> auth_ticket(Exchange& exchange);  // routes_tickets.cpp

Task<http::Response> fonana_signin(Exchange& exchange);  // routes_fonana.cpp
Task<http::Response> fonana_check(Exchange& exchange);

Task<http::Response> oauth_introspect(Exchange& exchange);  // routes_oauth.cpp
Task<http::Response> oauth_revoke(Exchange& exchange);

Task<http::Response> telegram_signin(Exchange& exchange);  // routes_telegram.cpp
Task<http::Response> telegram_register(Exchange& exchange);

Task<http::Response> link_wallet(Exchange& exchange);  // routes_link.cpp
Task<http::Response> link_telegram(Exchange& exchange);
Task<http::Response> identity_unlink(Exchange& exchange);

Task<http::Response> user_grants(Exchange& exchange);  // routes_grants.cpp

Task<http::Response> notifications(Exchange& exchange);  // routes_notifications.cpp
Task<http::Response> notifications_read(Exchange& exchange);
Task<http::Response> notifications_remove(Exchange& exchange);

Task<http::Response> jwks(Exchange& exchange);

Task<http::Response> api_lines(Exchange& exchange);
Task<http::Response> api_method(Exchange& exchange);
Task<http::Response> api_batch(Exchange& exchange);
Task<http::Response> api_event_feed(Exchange& exchange);

Task<http::Response> stats(Exchange& exchange);
Task<http::Response> metrics_text(Exchange& exchange);
Task<http::Response> healthz(Exchange& exchange);
Task<http::Response> readyz(Exchange& exchange);

Task<http::Response> page(Exchange& exchange);
Task<http::Response> page_token_doctor(Exchange& exchange);  // routes_token_doctor.cpp

}  // namespace gatecast::server
