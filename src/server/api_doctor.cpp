// Server API: why a token is refused, in one answer. The token is neither logged nor shown.
#include "server/api_methods.hpp"
#include "server/json_out.hpp"
#include "token/doctor.hpp"

namespace gatecast::server {
namespace {

std::string_view verdict_name(token::Finding::Verdict verdict) {
  switch (verdict) {
    case token::Finding::Verdict::ok: return "ok";
    case token::Finding::Verdict::warn: return "warn";
    case token::Finding::Verdict::wrong: break;
  }
  return "wrong";
}

}  // namespace

Task<Answer> api_token_doctor(ApiCall& call, const JsonIn& params) {
  if (auto known = params.only({"token"}); !known) co_return known.error();
  auto token = params.text("token");
  if (!token) co_return token.error();
  auto& services = call.services();
  const auto findings = co_await services.sessions.examine(std::move(*token), services.settings.get().doctor);
  bool fine = true;
  std::string list = "[";
  for (const auto& finding : findings) {
    fine = fine && finding.verdict != token::Finding::Verdict::wrong;
    if (list.size() > 1) list += ',';
    list += JsonOut()
                .text("id", finding.id)
                .text("verdict", verdict_name(finding.verdict))
                .text("text", finding.text)
                .text_if("cure", finding.cure)
                .done();
  }
  co_return JsonOut().boolean("good", fine).raw("findings", list + ']').done();
}

}  // namespace gatecast::server
