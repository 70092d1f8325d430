#include "server/routes/form_in.hpp"

#include "http/query.hpp"

namespace gatecast::server {

Result<std::string> form_field(const http::Request& request, std::string_view name) {
  constexpr std::string_view type = "application/x-www-form-urlencoded";
  const std::string_view given = request.header("Content-Type");
  const std::string_view rest = given.substr(std::min(given.size(), type.size()));
  if (!http::iequals(given.substr(0, type.size()), type) || (!rest.empty() && rest[0] != ';' && rest[0] != ' ')) {
    return fail(Errc::content_type, std::string(given.substr(0, 64)));
  }
  if (request.body.size() > kFormBytesMax) return Errc::body_too_large;
  auto found = http::find_query(request.body, name);
  if (found.duplicate) return fail(Errc::field_invalid, fmt::format("{}: there twice", name));
  if (found.malformed) return fail(Errc::field_invalid, fmt::format("{}: malformed", name));
  if (!found.value || found.value->empty()) return fail(Errc::field_missing, std::string(name));
  return *std::move(found.value);
}

}  // namespace gatecast::server
