#include "token/issuer.hpp"

#include "core/text_form.hpp"
#include "token/json_object.hpp"
#include "token/jws.hpp"

namespace gatecast::token {

Result<std::string> Issuer::mint(const Claims& claims) const {
  auto payload = write_claims(claims);
  if (!payload) return payload;
  // Read back what was written: a token that no verifier takes must not leave the house.
  const auto object = JsonObject::parse(*payload);
  if (!object) return fail(Errc::internal, "the claims make no JSON object: text not UTF-8, or too many members");
  if (const auto read = read_claims(*object); !read) return fail(Errc::internal, read.error().detail);
  const Key& key = ring_.load(std::memory_order_acquire)->active();
  std::string token = key.access_header() + '.' + base64url_encode(*payload);
  const std::string signature = key.sign(token);
  token += '.';
  token += base64url_encode(signature);
  if (token.size() > kMaxTokenBytes) return fail(Errc::internal, fmt::format("a token of {} bytes", token.size()));
  return token;
}

}  // namespace gatecast::token
