// For tests of sign-in by proofs other than a Solana wallet's: Telegram as one that signs, and somebody else's server
// that answers what it is told to.
#pragma once

#include "identity/test_telegram.hpp"
#include "session/sessions_fixture.hpp"

namespace gatecast::session {

/// Keeps the requests; answers each with what `answer` gives.
class ScriptedOutbound final : public outbound::Outbound {
 public:
  Task<Result<outbound::Reply>> send(outbound::Request request) override {
    requests.push_back(request);
    co_return answer(request);
  }
  std::vector<outbound::Request> requests;
  std::function<Result<outbound::Reply>(const outbound::Request&)> answer = [](const auto&) {
    return Result<outbound::Reply>(fail(Errc::outbound_failed, "nobody there"));
  };
};

class IdentityTest : public SessionsTest {
 protected:
  using Fields = identity::TelegramFields;

  IdentityTest() {
    restart([](SessionOptions&) {});
  }

  static SessionOptions identity_options() {
    SessionOptions options = default_options();
    options.ethereum = {
        .enabled = true, .policy = {.domains = {"example.com"}, .chains = {1, 137}}, .statement = "Sign in."};
    options.telegram = {.enabled = true, .policy = identity::TestTelegram::policy()};
    return options;
  }
  /// Sessions with these options changed, in place of the ones before.
  void restart(const std::function<void(SessionOptions&)>& change) {
    SessionOptions options = identity_options();
    change(options);
    Result<std::unique_ptr<Sessions>> made =
        Sessions::make(std::move(options), kKeys, {*store_, clock_, issuer_, verifier_, &outbound_});
    ASSERT_TRUE(made.has_value()) << made.error().detail;
    let_go(std::move(sessions_));
    sessions_ = std::move(*made);
    running_.push_back(sessions_.get());
    ASSERT_TRUE(loop_.run(sessions_->load()).has_value());
  }

  Fields user_fields(std::int64_t id = 7001, std::string start_param = {}) {
    Fields fields{
        {"user", fmt::format(R"({{"id":{},"first_name":"Ada","username":"ada{}","photo_url":"https:\/\/t.me\/a.svg"}})",
                             id, id)},
        {"auth_date", std::to_string(unix_seconds(clock_.wall()))}};
    if (!start_param.empty()) fields.push_back({"start_param", std::move(start_param)});
    return fields;
  }
  static Proof init_data(Fields fields, std::int64_t bot = 1) {
    return TelegramProof{.init_data =
                             identity::TestTelegram::query(identity::TestTelegram::sign(std::move(fields), bot))};
  }
  static ClientInfo from(std::string ip) { return {.ip = std::move(ip), .user_agent = "test/1.0"}; }

  Result<Tokens> sign_in(Proof proof, const ClientInfo& client = kClient, std::string ref_code = {}) {
    return loop_.run(sessions_->sign_in(std::move(proof), client, std::move(ref_code)));
  }
  Tokens signed_in(Proof proof, std::string ref_code = {}) {
    Result<Tokens> tokens = sign_in(std::move(proof), kClient, std::move(ref_code));
    EXPECT_TRUE(tokens.has_value()) << info(tokens.error().code).name << ' ' << tokens.error().detail;
    return *tokens;
  }
  Proof link_proof(const TestWallet& wallet) { return proof(wallet, {.chain = "solana", .purpose = Purpose::link}); }
  static Caller caller_of(const Tokens& tokens) {
    return {.user_id = tokens.user.id, .sid = tokens.session.sid, .claims = {}};
  }
  Result<store::Linked> link(const Tokens& tokens, Proof added, std::optional<Proof> confirming = {}) {
    return loop_.run(sessions_->link(caller_of(tokens), std::move(added), std::move(confirming), kClient.ip));
  }

  ScriptedOutbound outbound_;
};

}  // namespace gatecast::session
