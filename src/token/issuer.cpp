#include "token/issuer.hpp"

#include "core/text_form.hpp"
#include "token/json_object.hpp"
#include "token/jws.hpp"

namespace gatecast::token {
namespace {

Result<std::string> signed_by(const Key& key, std::string_view header, std::string_view payload) {
  std::string token = fmt::format("{}.{}", header, base64url_encode(payload));
  const std::string signature = key.sign(token);
  token += '.';
  token += base64url_encode(signature);
  if (token.size() > kMaxTokenBytes) return fail(Errc::internal, fmt::format("a token of {} bytes", token.size()));
  return token;
}

class Payload {
 public:
  Payload& raw(std::string_view name, std::string_view value) {
    if (out_.size() > 1) out_ += ',';
    append_json_string(out_, name);
    out_ += ':';
    out_ += value;
    return *this;
  }
  Payload& text(std::string_view name, std::string_view value) {
    raw(name, "");
    append_json_string(out_, value);
    return *this;
  }
  Payload& raw_if(std::string_view name, std::string_view value) { return value.empty() ? *this : raw(name, value); }
  bool empty() const { return out_.size() == 1; }
  std::string done() const { return out_ + '}'; }

 private:
  std::string out_ = "{";
};

std::string overrides_json(const SubscriptionOverrides& overrides) {
  Payload all;
  const auto one = [&all](std::string_view name, const std::optional<bool>& value) {
    if (value) all.raw(name, *value ? R"({"value":true})" : R"({"value":false})");
  };
  one("presence", overrides.presence);
  one("join_leave", overrides.join_leave);
  one("force_push_join_leave", overrides.force_push_join_leave);
  one("force_recovery", overrides.force_recovery);
  one("force_positioning", overrides.force_positioning);
  return all.empty() ? std::string{} : all.done();
}

}  // namespace

Result<std::string> Issuer::mint(const Claims& claims) const {
  auto payload = write_claims(claims);
  if (!payload) return payload;
  // Read back what was written: a token that no verifier takes must not leave the house.
  const auto object = JsonObject::parse(*payload);
  if (!object) return fail(Errc::internal, "the claims make no JSON object: text not UTF-8, or too many members");
  if (const auto read = read_claims(*object); !read) return fail(Errc::internal, read.error().detail);
  const Key& key = ring_.load(std::memory_order_acquire)->active();
  return signed_by(key, key.access_header(), *payload);
}

Result<std::string> Issuer::mint_subscription(const SubscriptionToken& said, const VerifierPolicy& policy,
                                              std::int64_t ends) const {
  Payload payload;
  payload.text("iss", policy.issuer).text("aud", policy.audience).raw("exp", fmt::to_string(ends));
  payload.text("sub", said.user).text("channel", said.channel);
  if (said.client) payload.text("client", *said.client);
  if (said.expires) payload.raw("expire_at", fmt::to_string(*said.expires));
  payload.raw_if("info", said.claims.info).raw_if("data", said.claims.data);
  payload.raw_if("override", overrides_json(said.claims.overrides));
  const std::string text = payload.done();
  if (!JsonObject::parse(text)) return fail(Errc::internal, "the claims make no JSON object: text not UTF-8");
  const Key& key = ring_.load(std::memory_order_acquire)->active();
  const std::string header =
      base64url_encode(fmt::format(R"({{"typ":"JWT","alg":"{}","kid":"{}"}})", name(key.algorithm()), key.kid()));
  return signed_by(key, header, text);
}

}  // namespace gatecast::token
