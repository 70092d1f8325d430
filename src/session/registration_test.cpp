#include "session/hook_signature.hpp"
#include "session/identity_fixture.hpp"
#include "token/json_object.hpp"

namespace gatecast::session {
namespace {

using namespace std::chrono_literals;

class RegistrationTest : public IdentityTest {
 protected:
  void ask() {
    restart([](SessionOptions& options) {
      options.registration = Registration::ask;
      options.hook = {.url = "https://app.example/hook", .secret = Secret{std::string(32, 'h')}};
    });
  }
  void answers(std::string body, unsigned status = 200) {
    outbound_.answer = [body, status](const auto&) { return outbound::Reply{.status = status, .body = body}; };
  }
};

TEST_F(RegistrationTest, ClosedLetsOnlyKnownUsersIn) {
  signed_in(proof(wallet_));
  restart([](SessionOptions& options) { options.registration = Registration::closed; });
  EXPECT_TRUE(sign_in(proof(wallet_)).has_value());
  const TestWallet stranger;
  const Proof refused = proof(stranger);
  EXPECT_EQ(code(sign_in(refused)), Errc::registration_closed);
  restart([](SessionOptions&) {});
  EXPECT_TRUE(sign_in(refused).has_value()) << "the refusal has used nothing up";
}

TEST_F(RegistrationTest, TheHookIsAskedOnceAndSignedFor) {
  ask();
  answers(R"({"allow":true})");
  const Tokens tokens = signed_in(init_data(user_fields()), "CODE7");
  EXPECT_TRUE(tokens.created);
  ASSERT_EQ(outbound_.requests.size(), 1U);
  const outbound::Request& request = outbound_.requests.front();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, "https://app.example/hook");
  EXPECT_LE(request.time, 2s);
  EXPECT_EQ(request.body, fmt::format(R"({{"kind":"registration","identity":{{"kind":"telegram","subject":"7001",)"
                                      R"("profile":{}}},"ref_code":"CODE7","ip":"192.0.2.7"}})",
                                      tokens.profile));
  const std::pair<std::string, std::string> header{
      "Gatecast-Signature", hook_signature(Secret{std::string(32, 'h')}, clock_.wall(), request.body)};
  EXPECT_NE(std::ranges::find(request.headers, header), request.headers.end());
  clock_.advance(2s);
  signed_in(init_data(user_fields()));
  EXPECT_EQ(outbound_.requests.size(), 1U) << "who is known is not asked about";
}

TEST_F(RegistrationTest, TheApplicationNamesItsUser) {
  ask();
  answers(R"({"allow":true,"user":{"id":"user-42","nickname":"Ada L.","isVerified":true,"claims":{"plan":"pro"}}})");
  const Tokens tokens = signed_in(proof(wallet_));
  EXPECT_EQ(tokens.user.id, "user-42");
  EXPECT_EQ(tokens.user.nickname, "Ada L.");
  EXPECT_TRUE(tokens.user.is_verified);
  EXPECT_EQ(tokens.user.claims, R"({"plan":"pro"})");
  EXPECT_EQ(tokens.user.ref_code.size(), 8U);
  EXPECT_EQ(code(sign_in(proof(TestWallet{}))), Errc::registration_refused) << "that id is somebody's";
}

TEST_F(RegistrationTest, WhateverIsNotAYesUsesNothingUp) {
  ask();
  const Proof waiting = proof(wallet_);
  const std::pair<const char*, Errc> cases[] = {
      {R"({"allow":false})", Errc::registration_refused},
      {R"({"allow":"true"})", Errc::registration_refused},
      {R"({"allow":1})", Errc::registration_refused},
      {"{}", Errc::registration_refused},
      {"", Errc::temporarily_unavailable},
      {"true", Errc::temporarily_unavailable},
      {"{\"allow\":true", Errc::temporarily_unavailable},
      {R"({"allow":true,"allow":false})", Errc::temporarily_unavailable},
      {R"({"allow":true,"user":7})", Errc::temporarily_unavailable},
      {R"({"allow":true,"user":{"id":""}})", Errc::temporarily_unavailable},
      {R"({"allow":true,"user":{"id":"a b"}})", Errc::temporarily_unavailable},
      {R"({"allow":true,"user":{"id":5}})", Errc::temporarily_unavailable},
      {R"({"allow":true,"user":{"claims":[]}})", Errc::temporarily_unavailable},
      {R"({"allow":true,"user":{"claims":{"sub":"x"}}})", Errc::temporarily_unavailable},
      {R"({"allow":true,"user":{"isCreator":"yes"}})", Errc::temporarily_unavailable},
  };
  for (const auto& [body, expected] : cases) {
    answers(body);
    EXPECT_EQ(code(sign_in(waiting)), expected) << body;
  }
  answers(R"({"allow":true})", 204);
  EXPECT_EQ(code(sign_in(waiting)), Errc::temporarily_unavailable);
  outbound_.answer = [](const auto&) { return Result<outbound::Reply>(fail(Errc::outbound_failed, "time")); };
  EXPECT_EQ(code(sign_in(waiting)), Errc::temporarily_unavailable);
  answers(R"({"allow":true})");
  EXPECT_TRUE(sign_in(waiting).has_value());
}

TEST_F(RegistrationTest, AReplayIsNotWorthAQuestion) {
  ask();
  answers(R"({"allow":true})");
  const Proof once = proof(wallet_);
  signed_in(once);
  EXPECT_EQ(code(sign_in(once)), Errc::nonce_used);
  EXPECT_EQ(outbound_.requests.size(), 1U);
}

TEST_F(RegistrationTest, AHookNeedsAnAddressAndAWayOut) {
  SessionOptions options = identity_options();
  options.registration = Registration::ask;
  EXPECT_EQ(code(Sessions::make(options, kKeys, {*store_, clock_, issuer_, verifier_, &outbound_})),
            Errc::config_invalid);
  options.hook.url = "https://app.example/hook";
  EXPECT_EQ(code(Sessions::make(options, kKeys, {*store_, clock_, issuer_, verifier_, nullptr})), Errc::config_invalid);
}

TEST_F(RegistrationTest, ABackEndStartsASessionWithoutAnIdentity) {
  EXPECT_EQ(code(loop_.run(sessions_->start("app-1", false, kClient))), Errc::registration_closed);
  Result<Tokens> tokens = loop_.run(sessions_->start("app-1", true, kClient));
  ASSERT_TRUE(tokens.has_value()) << info(tokens.error().code).name;
  EXPECT_TRUE(tokens->created);
  EXPECT_EQ(tokens->user.id, "app-1");
  EXPECT_EQ(tokens->session.how, "api");
  EXPECT_EQ(tokens->kind, "");
  EXPECT_TRUE(loop_.run(sessions_->renew(tokens->refresh, kClient)).has_value());
}

}  // namespace
}  // namespace gatecast::session
