#include "token/claims.hpp"

#include "token/json_object.hpp"

namespace gatecast::token {
namespace {

constexpr std::size_t kMaxAudiences = 16;

constexpr std::array<std::string_view, 9> kRegistered = {"iss", "aud", "exp", "iat", "nbf", "sub", "sid", "gen", "jti"};

Error wrong(std::string_view claim) {
  return fail(Errc::token_claims, fmt::format("{} is missing or malformed", claim));
}

bool read_text(const JsonObject& object, std::string_view claim, std::string& out) {
  const JsonMember* member = object.find(claim);
  if (!member) return false;
  auto text = json_string(*member);
  if (!text || text->empty()) return false;
  out = *std::move(text);
  return true;
}

bool read_integer(const JsonObject& object, std::string_view claim, std::int64_t& out) {
  const JsonMember* member = object.find(claim);
  if (!member) return false;
  const auto value = json_integer(*member);
  if (value) out = *value;
  return value.has_value();
}

/// A string or an array of strings (RFC 7519 §4.1.3), none of them empty.
bool read_audience(const JsonObject& object, std::vector<std::string>& out) {
  const JsonMember* member = object.find("aud");
  if (!member) return false;
  if (auto one = json_string(*member)) {
    out.push_back(*std::move(one));
  } else if (auto several = json_strings(*member, kMaxAudiences)) {
    out = *std::move(several);
  }
  return !out.empty() && std::none_of(out.begin(), out.end(), [](const std::string& a) { return a.empty(); });
}

void append_member(std::string& out, std::string_view raw_name, std::string_view raw) {
  out += out.size() == 1 ? "" : ",";
  out += raw_name;
  out += ':';
  out += raw;
}

void append_text(std::string& out, std::string_view raw_name, std::string_view value) {
  append_member(out, raw_name, "");
  append_json_string(out, value);
}

void append_audience(std::string& out, const std::vector<std::string>& aud) {
  if (aud.size() == 1) return append_text(out, "\"aud\"", aud.front());
  append_member(out, "\"aud\"", "[");
  for (const std::string& item : aud) {
    if (&item != &aud.front()) out += ',';
    append_json_string(out, item);
  }
  out += ']';
}

}  // namespace

bool is_registered_claim(std::string_view name) {
  return name.size() == 3 && std::find(kRegistered.begin(), kRegistered.end(), name) != kRegistered.end();
}

std::string further_claims(const JsonObject& object) {
  std::string out = "{";
  out.reserve(256);
  for (const JsonMember& member : object.members()) {
    if (!is_registered_claim(member.name)) append_member(out, member.raw_name, member.raw);
  }
  out += '}';
  return out;
}

Result<Claims> read_claims(const JsonObject& object) {
  Claims claims;
  if (!read_text(object, "iss", claims.iss)) return wrong("iss");
  if (!read_audience(object, claims.aud)) return wrong("aud");
  if (!read_integer(object, "exp", claims.exp)) return wrong("exp");
  if (!read_integer(object, "iat", claims.iat)) return wrong("iat");
  if (object.find("nbf")) {
    std::int64_t nbf = 0;
    if (!read_integer(object, "nbf", nbf)) return wrong("nbf");
    claims.nbf = nbf;
  }
  if (!read_text(object, "sub", claims.sub)) return wrong("sub");
  if (!read_text(object, "sid", claims.sid)) return wrong("sid");
  std::int64_t gen = 0;
  if (!read_integer(object, "gen", gen) || gen < 1) return wrong("gen");
  claims.gen = static_cast<std::uint64_t>(gen);
  if (!read_text(object, "jti", claims.jti)) return wrong("jti");
  claims.extra_json = further_claims(object);
  return claims;
}

Result<std::string> write_claims(const Claims& claims) {
  const auto extra = JsonObject::parse(claims.extra_json);
  if (!extra) return fail(Errc::internal, "the further claims are not one JSON object");
  std::string out = "{";
  out.reserve(256 + claims.extra_json.size());
  append_text(out, "\"iss\"", claims.iss);
  append_audience(out, claims.aud);
  append_member(out, "\"exp\"", fmt::to_string(claims.exp));
  append_member(out, "\"iat\"", fmt::to_string(claims.iat));
  if (claims.nbf) append_member(out, "\"nbf\"", fmt::to_string(*claims.nbf));
  append_text(out, "\"sub\"", claims.sub);
  append_text(out, "\"sid\"", claims.sid);
  append_member(out, "\"gen\"", fmt::to_string(claims.gen));
  append_text(out, "\"jti\"", claims.jti);
  for (const JsonMember& member : extra->members()) {
    if (!is_registered_claim(member.name)) append_member(out, member.raw_name, member.raw);
  }
  out += '}';
  return out;
}

}  // namespace gatecast::token
