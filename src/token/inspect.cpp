#include "token/inspect.hpp"

#include "core/text_form.hpp"
#include "token/json_object.hpp"
#include "token/jws.hpp"

namespace gatecast::token {
namespace {

Result<std::string> object_text(std::string_view part, std::string_view what) {
  auto text = base64url_decode(part);
  if (!text) return fail(Errc::token_malformed, fmt::format("the {} is not base64url", what));
  if (!JsonObject::parse(*text)) return fail(Errc::token_malformed, fmt::format("the {} is not one JSON object", what));
  return *std::move(text);
}

}  // namespace

Result<Inspection> inspect(std::string_view token) {
  const auto parts = split_jws(token);
  if (!parts) return parts.error();
  auto header = object_text(parts->header, "header");
  if (!header) return std::move(header.error());
  auto claims = object_text(parts->payload, "payload");
  if (!claims) return std::move(claims.error());
  return Inspection{*std::move(header), *std::move(claims)};
}

}  // namespace gatecast::token
