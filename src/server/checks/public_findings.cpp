#include "server/checks/public_findings.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace gatecast::server {
namespace {

using token::Finding;
using Verdict = Finding::Verdict;
using namespace std::string_view_literals;

constexpr std::array kOfTheToken{
    "header_malformed"sv,
    "payload_malformed"sv,
    "header_refused"sv,
    "alg_none"sv,
    "alg_unknown"sv,
    "issuer_missing"sv,
    "issuer_unknown"sv,
    "typ"sv,
    "kid_missing"sv,
    "kid_unknown"sv,
    "kid_retired"sv,
    "signature_missing"sv,
    "signature_der"sv,
    "signature_size"sv,
    "audience"sv,
    "claim_missing"sv,
    "claim_type"sv,
    "expired"sv,
    "expired_clock"sv,
    "expiry"sv,
    "life"sv,
    "not_yet"sv,
    "sid_form"sv,
    "issued_in_future"sv,
    "time_milliseconds"sv,
    "clock"sv,
    "session_not_asked"sv,
};

constexpr std::array kOfTheSession{
    "session_unknown"sv, "session_stands"sv,    "session_renewed"sv,   "session_store"sv,
    "signed_out"sv,      "ended_by_operator"sv, "user_blocked"sv,      "refresh_reuse"sv,
    "session_expired"sv, "session_limit"sv,     "identity_unlinked"sv,
};

template <std::size_t N>
bool among(const std::array<std::string_view, N>& ids, std::string_view id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

/// The same finding without the names of keys and issuers, where its text has them.
std::optional<Finding> told_plainly(const Finding& finding) {
  const auto plain = [&finding](std::string_view text) {
    return Finding{finding.id, finding.verdict, std::string(text), finding.cure};
  };
  if (finding.id == "signature") {
    return plain(finding.verdict == Verdict::ok ? "The signature is good."sv : "The signature is wrong."sv);
  }
  if (finding.id == "issuer") return plain("It names an issuer whose tokens are taken here.");
  if (finding.id == "issuer_near") return plain("Its iss is almost, but not quite, one that is configured here.");
  if (finding.id == "alg_key") return plain("The key it names is for another algorithm.");
  if (finding.id == "alg_narrowed") return plain("Its alg is not among those its issuer may use.");
  if (finding.id == "keys_published") return plain("Its issuer publishes its keys; the signature is not checked here.");
  return std::nullopt;
}

}  // namespace

std::vector<Finding> public_findings(std::vector<Finding> all) {
  const bool proven = std::any_of(all.begin(), all.end(), [](const Finding& finding) {
    return finding.id == "signature" && finding.verdict == Verdict::ok;
  });
  std::vector<Finding> told;
  for (Finding& finding : all) {
    if (auto plain = told_plainly(finding)) {
      told.push_back(*std::move(plain));
    } else if (finding.id.starts_with("form_") || among(kOfTheToken, finding.id) ||
               (proven && among(kOfTheSession, finding.id))) {
      told.push_back(std::move(finding));
    }
  }
  return told;
}

}  // namespace gatecast::server
