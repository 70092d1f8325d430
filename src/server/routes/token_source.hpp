// The token that a connection's first request brings, where the connect command has none.
//
// Sources in their order: Authorization, the query, a cookie; the first that is there counts, good or bad. The cookie
// is read only where `http.token_cookie` names it and the request has an Origin, whose being allowed the caller has
// checked: browsers send cookies along with requests of any page. Pure.
#pragma once

#include <string>

#include "http/message.hpp"
#include "server/config/config.hpp"

namespace gatecast::server {

struct BroughtToken {
  std::string token{};
  bool in_query = false;
};

BroughtToken brought_token(const http::Request& request, const HttpConfig& config);

}  // namespace gatecast::server
