// One HTTP request on its way through a route: who asks, what they asked, and the answers all routes share.
//
// Owner: the serving coroutine, on its worker's shard. Handlers are plain functions bound by the route table's names.
#pragma once

#include <string>
#include <string_view>

#include "http/message.hpp"
#include "http/route.hpp"
#include "schema/routes.hpp"
#include "server/json/json_out.hpp"
#include "server/services.hpp"
#include "server/socket/worker.hpp"

namespace gatecast::server {

struct Exchange {
  Worker& worker;
  const http::Request& request;
  const http::RouteMatch& match;
  const RouteSpec& route;
  std::string ip;  // the client's, behind trusted proxies
  std::string request_id;
  const ApiKey* api_key = nullptr;   // where the caller is a back end
  const Operator* person = nullptr;  // where the caller is an operator with a token
  bool honest = false;               // a known user's proof was good: a strict route does not count the call

  Services& services() const { return worker.services(); }
  session::ClientInfo client() const;
};

using Handler = Task<http::Response> (*)(Exchange&);

/// The handler of a route by its name in the route table, or null.
Handler handler_of(std::string_view name);

/// `200` with a JSON body.
http::Response json_response(std::string body, unsigned status = 200);
/// `{success:false, error, code, need_new_token?, requestId}` with the code's status; counts the refusal.
http::Response failure(const Exchange& exchange, const Error& error);
/// The same with one more member at its end.
http::Response failure(const Exchange& exchange, const Error& error, std::string_view name, const JsonOut& object);
/// The same without an exchange (a request that could not be read).
http::Response failure(const Error& error, std::string_view request_id);

/// The API key given, where it is known and still to be used. Errors: api_key_missing, api_key_unknown.
Result<const ApiKey*> find_api_key(const Services& services, std::string_view given);
/// Whether a route serves callers whose tokens a trusted issuer made: most are about sessions of ours.
enum class Foreign : std::uint8_t { refuse, accept };
/// The verified session of the bearer token. Errors: those of token and session; session_foreign.
Task<Result<session::Caller>> bearer(const Exchange& exchange, Foreign foreign = Foreign::refuse);
/// The token of `Authorization: Bearer …`, or empty.
std::string bearer_token(const http::Request& request);

}  // namespace gatecast::server
