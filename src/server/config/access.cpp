// Checks of what tokens say and how connections bring them: claims, variants, the cookie.
#include "http/cookie.hpp"
#include "server/config/check.hpp"
#include "server/config/value.hpp"
#include "session/claims_map.hpp"
#include "session/variants.hpp"

namespace gatecast::server {
namespace {

constexpr std::string_view kVariantLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

void check_claims(const Config& c, Reporter& report) {
  if (!c.token.claims.profile.empty()) return;
  if (auto map = session::ClaimsMap::make(c.token.claims.members); !map) {
    report.error("token.claims", map.error().detail,
                 "Sources: user.id, user.nickname, user.avatar, user.isCreator, user.isVerified, user.ref_code, "
                 "user.claims.NAME, identity.subject, identity.kind, identity.profile.NAME.");
  }
}

void check_variants(const Config& c, Reporter& report) {
  if (c.session.variants.size() > session::Variants::kMax) {
    report.error("session.variant", fmt::format("has {} tables", c.session.variants.size()),
                 "At most 8: each is a label on the metrics.");
  }
  double sum = 0;
  for (std::size_t i = 0; i < c.session.variants.size(); ++i) {
    const SessionVariant& v = c.session.variants[i];
    const auto key = [i](std::string_view member) { return fmt::format("session.variant[{}].{}", i, member); };
    sum += v.share;
    if (v.name.empty() || v.name == "none" || v.name.find_first_not_of(kVariantLetters) != std::string::npos) {
      report.error(key("name"), fmt::format("{} is not a variant's name", quote(v.name)),
                   "Use letters, digits, '-', '_' and '.'; \"none\" is what users of no variant have.");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (c.session.variants[j].name == v.name) {
        report.error(key("name"), fmt::format("{} is there twice", quote(v.name)), "Name each differently.");
      }
    }
    if (v.access_ttl > c.session.refresh_ttl || v.access_ttl > c.session.absolute_ttl) {
      report.error(key("access_ttl"), "is longer than the session's life", "A session must outlive its access tokens.");
    }
  }
  if (sum > session::Variants::kSharesMax) {
    report.error("session.variant", fmt::format("the shares are {} together", sum), "They must not be more than 1.");
  }
}

void check_cookie(const Config& c, Reporter& report) {
  const auto& name = c.http.token_cookie;
  if (name.empty()) return;
  if (!http::is_cookie_name(name)) {
    report.error("http.token_cookie", fmt::format("{} is not a cookie's name", quote(name)), "Write \"access_token\".");
  }
  for (const std::string& origin : c.http.allowed_origins) {
    if (origin == "*") {
      report.error("http.token_cookie", "with http.allowed_origins \"*\" any page could connect as its visitor",
                   "List the origins of your pages.");
    }
  }
}

}  // namespace

void check_access(Loaded& loaded, Reporter& report) {
  check_claims(loaded.config, report);
  check_variants(loaded.config, report);
  check_cookie(loaded.config, report);
}

}  // namespace gatecast::server
