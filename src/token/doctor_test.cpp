#include "token/doctor.hpp"

#include <gtest/gtest.h>

#include "core/text_form.hpp"
#include "token/jws.hpp"
#include "token/test_issuer.hpp"

namespace gatecast::token {
namespace {

const std::string kSecret = "Kq7vN2xW9pLr4TzB8mYc3FgH6jDs5aEuXo1Q";
const std::string kHexSecret = "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef";
constexpr std::int64_t kNow = 1'800'000'000;

Key hs(const std::string& secret, Algorithm algorithm = Algorithm::hs256, std::string kid = "h") {
  // Any bytes at all: also what no configuration would take.
  return *Key::from_secret(algorithm, Secret(base64_encode(secret)), SecretEncoding::base64, std::move(kid),
                           WeakSecrets::allow);
}

class DoctorTest : public testing::Test {
 protected:
  DoctorTest() {
    input_.ring = &ring_;
    input_.issuer = "https://own.example";
    input_.audience = "app";
    input_.retired = {retired_};
    input_.secrets = {{"token.key[1]", Secret(kSecret)}};
    input_.now = WallTime{std::chrono::seconds{kNow}};
    TrustedIssuer acme{.name = "acme", .issuer = "https://id.example", .audience = "theirs"};
    acme.keys = {{p256_, true}};
    TrustedIssuer web{.name = "web", .issuer = "https://web.example"};
    web.jwks_url = "https://web.example/jwks";
    TrustedIssuer narrow{.name = "narrow", .issuer = "https://narrow.example", .algorithms = {Algorithm::hs512}};
    narrow.keys = {{hs(kSecret), false}};
    input_.trusted = {acme, web, narrow};
  }

  static std::string payload(std::initializer_list<std::pair<std::string, std::string>> changes = {}) {
    std::vector<std::pair<std::string, std::string>> members = {{"iss", "\"https://own.example\""},
                                                                {"aud", "\"app\""},
                                                                {"exp", "1800000600"},
                                                                {"iat", "1799999999"},
                                                                {"sub", "\"u1\""},
                                                                {"sid", '"' + std::string(38, 'A') + '"'},
                                                                {"gen", "1"},
                                                                {"jti", "\"j\""}};
    for (const auto& [name, value] : changes) {
      const auto at = std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.first == name; });
      if (at != members.end()) at->second = value;
      if (at == members.end()) members.emplace_back(name, value);
    }
    std::string out;
    for (const auto& [name, value] : members) {
      if (!value.empty()) out += fmt::format("{}\"{}\":{}", out.empty() ? "{" : ",", name, value);
    }
    return out + "}";
  }
  static std::string header(std::string_view alg, std::string_view kid, std::string_view typ = "at+jwt") {
    return fmt::format(R"({{"alg":"{}","kid":"{}","typ":"{}"}})", alg, kid, typ);
  }
  /// The ids of all findings that are not ok.
  std::vector<std::string> faults(std::string_view token) {
    std::vector<std::string> ids;
    for (const Finding& finding : examine(token, input_)) {
      EXPECT_FALSE(finding.text.empty());
      EXPECT_EQ(finding.verdict == Finding::Verdict::ok, finding.cure.empty()) << finding.id;
      EXPECT_EQ(finding.text.find(kSecret), std::string::npos) << "a key is never printed";
      if (finding.verdict != Finding::Verdict::ok) ids.push_back(finding.id);
    }
    return ids;
  }
  using Ids = std::vector<std::string>;

  const Key ed_ = *Key::from_private(crypto::Ed25519Key::generate(), "ed");
  const Key p256_ = *Key::from_private(crypto::P256Key::generate(), "p");
  const Key retired_ = *Key::from_private(crypto::Ed25519Key::generate(), "old");
  const Key hmac_ = hs(kSecret);
  const KeyRing ring_ = *KeyRing::make({ed_, hmac_});
  const std::string good_ = signed_by(ed_, header("EdDSA", "ed"), payload());
  DoctorInput input_;
};

TEST_F(DoctorTest, AGoodTokenHasNoFault) {
  EXPECT_EQ(faults(good_), Ids{});
  EXPECT_GE(examine(good_, input_).size(), 5u) << "what is right is said too";
  EXPECT_EQ(faults(signed_by(p256_, header("ES256", "p", "JWT"),
                             payload({{"iss", "\"https://id.example\""}, {"aud", "\"theirs\""}, {"sid", ""}}))),
            Ids{});
}

TEST_F(DoctorTest, FormsAreNamedAndSeenThrough) {
  const std::size_t middle = good_.size() / 2;
  const std::pair<std::string, Ids> cases[] = {
      {" " + good_ + "\n", {"form_blanks"}},
      {'"' + good_ + '"', {"form_quotes"}},
      {"'" + good_ + "'", {"form_quotes"}},
      {"Bearer " + good_, {"form_bearer"}},
      {"bearer Bearer " + good_, {"form_bearer"}},
      {"%22" + good_ + "%22", {"form_url_encoded", "form_quotes"}},
      {good_.substr(0, middle) + "\n" + good_.substr(middle), {"form_line_break"}},
      {good_ + "==", {"form_padding"}},
      {good_ + ", " + good_, {"form_two_tokens"}},
      {"", {"form_empty"}},
      {"gcr1.1.a.1.b.c", {"form_refresh_token"}},
      {base64url_encode(R"({"alg":"dir","enc":"A256GCM"})") + "..AA.AA.AA", {"form_encrypted"}},
      {good_.substr(0, good_.find('.') + 20), {"form_truncated"}},
      {good_ + ".a", {"form_parts"}},
      {"e." + good_.substr(good_.find('.') + 1), {"header_malformed"}},
      {good_.substr(0, good_.find('.')) + ".e30x." + good_.substr(good_.rfind('.') + 1), {"payload_malformed"}},
      {good_.substr(0, good_.rfind('.') + 1), {"signature_missing"}},
      {good_.substr(0, good_.size() - 1), {"form_truncated"}},
      {good_.substr(0, good_.size() - 2), {"signature", "signature_size"}},
  };
  for (const auto& [text, ids] : cases) EXPECT_EQ(faults(text), ids) << text;
  std::string plain = good_;
  plain[plain.size() - 10] = '+';
  EXPECT_EQ(faults(plain).front(), "form_base64");
  EXPECT_EQ(faults(std::string(kMaxTokenBytes + 1, 'a')).front(), "form_too_long");
}

TEST_F(DoctorTest, HeadersAreNamed) {
  const auto with = [&](const std::string& head) { return faults(signed_by(ed_, head, payload())); };
  EXPECT_EQ(with(header("none", "ed")), Ids{"alg_none"});
  EXPECT_EQ(with(header("nOnE", "ed")), Ids{"alg_none"});
  EXPECT_EQ(with(header("PS256", "ed")), Ids{"alg_unknown"});
  EXPECT_EQ(with(header("ES256", "ed")), Ids{"alg_key"});
  EXPECT_EQ(with(header("EdDSA", "nobody")), Ids{"kid_unknown"});
  EXPECT_EQ(with(R"({"alg":"EdDSA","typ":"at+jwt"})"), Ids{"kid_missing"});
  EXPECT_EQ(with(header("EdDSA", "ed", "JWT")), Ids{"typ"});
  EXPECT_EQ(with(R"({"alg":"EdDSA","kid":"ed"})"), Ids{"typ"});
  EXPECT_EQ(with(R"({"alg":"EdDSA","kid":"ed","typ":"at+jwt","jku":"https://x"})"), Ids{"header_refused"});
  EXPECT_EQ(faults(signed_by(retired_, header("EdDSA", "old"), payload())), Ids{"kid_retired"});
  EXPECT_EQ(faults(signed_by(retired_, header("EdDSA", "ed"), payload())), (Ids{"signature", "signature_other_key"}));
}

TEST_F(DoctorTest, TrustedIssuersAreTold) {
  const auto theirs = [&](const std::string& iss, const std::string& head, const Key& key) {
    return faults(signed_by(key, head, payload({{"iss", '"' + iss + '"'}, {"aud", "\"theirs\""}, {"sid", ""}})));
  };
  EXPECT_EQ(theirs("https://web.example", header("ES256", "p"), p256_), Ids{"keys_published"});
  EXPECT_EQ(theirs("https://id.example", header("ES256", "q"), p256_), Ids{"kid_unknown"});
  EXPECT_EQ(theirs("https://id.example", header("ES256", "p", "refresh"), p256_), Ids{"typ"});
  EXPECT_EQ(theirs("https://narrow.example", header("HS256", "x"), hmac_), Ids{"alg_narrowed"});
  const auto other = *Key::from_private(crypto::P256Key::generate(), "p");
  EXPECT_EQ(theirs("https://id.example", header("ES256", "p"), other), Ids{"signature"});
  // DER in place of r ‖ s.
  const std::string input = base64url_encode(header("ES256", "p")) + "." +
                            base64url_encode(payload({{"iss", "\"https://id.example\""}, {"aud", "\"theirs\""}}));
  const std::string der = "\x30\x45" + std::string(69, '\x02');
  EXPECT_EQ(faults(input + "." + base64url_encode(der)), (Ids{"signature", "signature_der"}));
}

TEST_F(DoctorTest, ClaimsAreNamed) {
  const auto with = [&](std::initializer_list<std::pair<std::string, std::string>> changes) {
    return faults(signed_by(ed_, header("EdDSA", "ed"), payload(changes)));
  };
  EXPECT_EQ(with({{"iss", ""}}), Ids{"issuer_missing"});
  EXPECT_EQ(with({{"iss", "\"https://own.example/\""}}), Ids{"issuer_near"});
  EXPECT_EQ(with({{"iss", "\"http://own.example\""}}), Ids{"issuer_near"});
  EXPECT_EQ(with({{"iss", "\"https://else.example\""}}), Ids{"issuer_unknown"});
  EXPECT_EQ(with({{"aud", ""}}), Ids{"audience"});
  EXPECT_EQ(with({{"aud", "[\"a\",\"b\"]"}}), Ids{"audience"});
  EXPECT_EQ(with({{"exp", ""}}), Ids{"claim_missing"});
  EXPECT_EQ(with({{"exp", "\"1800000600\""}}), Ids{"claim_type"});
  EXPECT_EQ(with({{"exp", "1800000600000"}}), Ids{"time_milliseconds"});
  EXPECT_EQ(with({{"exp", "1799999990"}, {"iat", "1799990000"}}), Ids{"expired"});
  EXPECT_EQ(with({{"exp", "1799996400"}, {"iat", "1799994600"}}), Ids{"expired_clock"});
  EXPECT_EQ(with({{"iat", "1800000700"}}), (Ids{"life", "issued_in_future"}));
  EXPECT_EQ(with({{"nbf", "1800003600"}}), Ids{"not_yet"});
  EXPECT_EQ(with({{"sub", ""}}), Ids{"claim_missing"});
  EXPECT_EQ(with({{"gen", "0"}}), Ids{"claim_missing"});
  EXPECT_EQ(with({{"sid", "\"made-up\""}}), Ids{"sid_form"});
  EXPECT_EQ(with({{"iss", "\"https://else.example\""}, {"sub", ""}}), (Ids{"issuer_unknown", "claim_missing"}));
}

TEST_F(DoctorTest, EveryFaultIsSaidAtOnce) {
  const std::string token = signed_by(ed_, header("ES256", "ed", "JWT"),
                                      payload({{"aud", "\"x\""}, {"exp", "5"}, {"iat", "1"}, {"sid", "\"s\""}}));
  EXPECT_EQ(faults("Bearer \"" + token + "\""),
            (Ids{"form_quotes", "form_bearer", "alg_key", "typ", "audience", "expired", "sid_form"}));
}

struct SecretCase {
  std::string id;
  SecretCandidate candidate;
  std::string signed_with;
};

TEST_F(DoctorTest, MistakesWithSecretsAreNamed) {
  const SecretCandidate text{"JWT_SECRET", Secret(kSecret)};
  const std::string base64 = base64_encode(std::string(32, '\x7e') + "!");
  const std::string decoded = std::string(32, '\x7e') + "!";
  const std::vector<SecretCase> cases = {
      {"secret_quoted_double", text, '"' + kSecret + '"'},
      {"secret_quoted_single", text, '\'' + kSecret + '\''},
      {"secret_trailing_newline", text, kSecret + "\n"},
      {"secret_trailing_crlf", text, kSecret + "\r\n"},
      {"secret_trailing_cr", text, kSecret + "\r"},
      {"secret_leading_blank", text, ' ' + kSecret},
      {"secret_trailing_blank", text, kSecret + ' '},
      {"secret_trimmed", {"JWT_SECRET", Secret("\"" + kSecret + "\"")}, kSecret},
      {"secret_as_text", {"JWT_SECRET", Secret(base64), SecretEncoding::base64}, base64},
      {"secret_as_text", {"JWT_SECRET", Secret(kHexSecret), SecretEncoding::hex}, kHexSecret},
      {"secret_as_base64", {"JWT_SECRET", Secret(base64)}, decoded},
      {"secret_as_base64url",
       {"JWT_SECRET", Secret(base64url_encode(std::string(33, '\xff')))},
       std::string(33, '\xff')},
      {"secret_as_hex", {"JWT_SECRET", Secret(kHexSecret)}, hex_decode(kHexSecret).value()},
      {"secret_other", text, kSecret},
      {"secret_default", text, "secret"},
      {"secret_default", text, "your-256-bit-secret"},
      {"secret_default", text, "super-secret-jwt-token-with-at-least-32-characters-long"},
      {"secret_default", text, ""},
  };
  for (const Algorithm algorithm : {Algorithm::hs256, Algorithm::hs384, Algorithm::hs512}) {
    for (const SecretCase& each : cases) {
      const std::string signature = crypto::hmac(algorithm == Algorithm::hs256   ? crypto::HashKind::sha256
                                                 : algorithm == Algorithm::hs384 ? crypto::HashKind::sha384
                                                                                 : crypto::HashKind::sha512,
                                                 each.signed_with, "input");
      const auto found = find_secret_mistake("input", signature, algorithm, {each.candidate});
      ASSERT_EQ(found.size(), 1u) << each.id;
      EXPECT_EQ(found[0].id, each.id);
      EXPECT_EQ(found[0].verdict, Finding::Verdict::wrong);
      EXPECT_EQ(found[0].text.find(kSecret), std::string::npos);
      EXPECT_EQ(found[0].text.find(base64), std::string::npos);
    }
  }
  EXPECT_TRUE(find_secret_mistake("input", crypto::hmac(crypto::HashKind::sha256, "unknown to all", "input"),
                                  Algorithm::hs256, {text})
                  .empty());
}

TEST_F(DoctorTest, TheMistakeIsFoundFromTheTokenAlone) {
  const auto with = [&](const std::string& secret) {
    return faults(signed_by(hs(secret), header("HS256", "h"), payload()));
  };
  EXPECT_EQ(with(kSecret), Ids{});
  EXPECT_EQ(with(kSecret + "\n"), (Ids{"signature", "secret_trailing_newline"}));
  EXPECT_EQ(with("changeme"), (Ids{"signature", "secret_default"}));
  EXPECT_EQ(with("nobody knows this"), (Ids{"signature", "secret_unknown"}));
}

TEST_F(DoctorTest, AnythingAtAllIsExaminedWithoutHarm) {
  for (std::size_t n = 0; n < good_.size(); ++n) {
    EXPECT_FALSE(faults(std::string_view(good_).substr(0, n)).empty()) << n;
  }
  for (const std::string& text : {std::string(100'000, '.'), std::string(70'000, 'e'), std::string("\0\0.\0.\0", 6),
                                  std::string("%"), std::string("%2"), std::string("\"\"\"\"")}) {
    EXPECT_FALSE(faults(text).empty());
  }
  DoctorInput nothing;
  EXPECT_FALSE(examine(good_, nothing).empty());
}

}  // namespace
}  // namespace gatecast::token
