#include "server/checks/public_findings.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace gatecast::server {
namespace {

using token::Finding;
using Verdict = Finding::Verdict;

std::vector<std::string> ids(const std::vector<Finding>& findings) {
  std::vector<std::string> out;
  for (const auto& finding : findings) out.push_back(finding.id);
  return out;
}

TEST(PublicFindings, SaysOfASignatureOnlyWhetherItIsGood) {
  const auto told =
      public_findings({{"signature", Verdict::wrong, "checked with key k7, fingerprint 0123abcd", "Cure."},
                       {"alg_key", Verdict::wrong, "the key k7 is for HS256", "Cure."}});
  ASSERT_EQ(ids(told), (std::vector<std::string>{"signature", "alg_key"}));
  for (const auto& finding : told) {
    EXPECT_EQ(finding.text.find("k7"), std::string::npos) << finding.text;
    EXPECT_EQ(finding.text.find("0123"), std::string::npos) << finding.text;
    EXPECT_EQ(finding.verdict, Verdict::wrong);
    EXPECT_EQ(finding.cure, "Cure.");
  }
}

TEST(PublicFindings, KeepsWhatIsFoundOfSecretsAndOtherKeys) {
  const auto told = public_findings({{"signature", Verdict::wrong, "", ""},
                                     {"secret_quotes", Verdict::wrong, "token.key[0] in quotes", ""},
                                     {"secret_unknown", Verdict::warn, "", ""},
                                     {"signature_other_key", Verdict::wrong, "signed with k8", ""},
                                     {"something_new", Verdict::wrong, "nobody listed it", ""}});
  EXPECT_EQ(ids(told), std::vector<std::string>{"signature"});
}

TEST(PublicFindings, SpeaksOfASessionOnlyWhereTheSignatureIsGood) {
  const Finding good{"signature", Verdict::ok, "key k7", ""}, bad{"signature", Verdict::wrong, "", ""};
  const Finding ended{"signed_out", Verdict::wrong, "The session was ended", "Sign in again."};
  const Finding stands{"session_stands", Verdict::ok, "", ""};
  EXPECT_EQ(ids(public_findings({good, ended})), (std::vector<std::string>{"signature", "signed_out"}));
  EXPECT_EQ(ids(public_findings({good, stands})), (std::vector<std::string>{"signature", "session_stands"}));
  EXPECT_EQ(ids(public_findings({bad, ended})), std::vector<std::string>{"signature"});
  EXPECT_EQ(ids(public_findings({ended})), std::vector<std::string>{});
}

TEST(PublicFindings, NamesNoTrustedIssuer) {
  const auto told = public_findings({{"issuer", Verdict::ok, "of the trusted issuer partner", ""},
                                     {"issuer_near", Verdict::wrong, "\"https://partner\" is configured", ""},
                                     {"keys_published", Verdict::warn, "published at https://partner/jwks", ""}});
  ASSERT_EQ(told.size(), 3U);
  for (const auto& finding : told) EXPECT_EQ(finding.text.find("partner"), std::string::npos) << finding.text;
}

}  // namespace
}  // namespace gatecast::server
