// Server API: why a token is refused, in one answer. The token is neither logged nor shown.
#include "server/api/methods.hpp"
#include "server/json/doctor_json.hpp"
#include "server/json/json_out.hpp"

namespace gatecast::server {

Task<Answer> api_token_doctor(ApiCall& call, const JsonIn& params) {
  if (auto known = params.only({"token"}); !known) co_return known.error();
  auto token = params.text("token");
  if (!token) co_return token.error();
  auto& services = call.services();
  const auto findings = co_await services.sessions.examine(std::move(*token), services.settings.get().doctor);
  co_return JsonOut().boolean("good", all_good(findings)).raw("findings", findings_json(findings)).done();
}

}  // namespace gatecast::server
