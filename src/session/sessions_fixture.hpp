// Sessions over a real SQLite store, for tests: one thread, time that moves when told.
#pragma once

#include <gtest/gtest.h>

#include "adapters/sqlite/sqlite_place.hpp"
#include "core/manual_loop.hpp"
#include "session/sessions.hpp"
#include "session/test_wallet.hpp"
#include "token/key.hpp"

namespace gatecast::session {

inline const SessionKeyList kKeys{{"1", Secret{std::string(32, 's')}}};
inline const ClientInfo kClient{.ip = "192.0.2.7", .user_agent = "test/1.0"};

inline SessionOptions default_options() {
  return {.solana = {.policy = {.domains = {"example.com"}, .chains = {"mainnet"}}, .statement = "Sign in."}};
}

class SessionsTest : public testing::Test {
 protected:
  SessionsTest() {
    sessions_ = make();
    EXPECT_TRUE(loop_.run(sessions_->load()).has_value());
  }
  ~SessionsTest() override {
    for (Sessions* each : running_) loop_.run(drained(*each));
    sessions_.reset();
    store_->stop();
  }
  static Task<bool> drained(Sessions& sessions) {
    co_await sessions.drain();
    co_return true;
  }
  std::unique_ptr<Sessions> make(SessionOptions options = default_options()) {
    Result<std::unique_ptr<Sessions>> made =
        Sessions::make(std::move(options), kKeys, {*store_, clock_, issuer_, verifier_});
    EXPECT_TRUE(made.has_value());
    running_.push_back(made->get());
    return std::move(*made);
  }
  void let_go(std::unique_ptr<Sessions> sessions) {
    loop_.run(drained(*sessions));
    std::erase(running_, sessions.get());
  }

  WalletSignIn proof(const TestWallet& wallet, ChallengeRequest request = {.chain = "solana"}) {
    request.address = wallet.address();
    Result<Challenge> challenge = sessions_->challenge(request);
    EXPECT_TRUE(challenge.has_value());
    return {.chain = "solana",
            .address = wallet.address(),
            .message = challenge->message,
            .signature = wallet.sign(challenge->message)};
  }
  Result<Tokens> sign_in(WalletSignIn signed_proof) {
    return loop_.run(sessions_->sign_in_wallet(std::move(signed_proof), kClient));
  }
  Tokens signed_in(const TestWallet& wallet) {
    Result<Tokens> tokens = sign_in(proof(wallet));
    EXPECT_TRUE(tokens.has_value()) << info(tokens.error().code).name << ' ' << tokens.error().detail;
    return *tokens;
  }
  template <class T>
  static std::optional<Errc> code(const Result<T>& result) {
    return result.has_value() ? std::nullopt : std::optional{result.error().code};
  }
  std::optional<Errc> authenticated(Sessions& sessions, const std::string& access) {
    return code(sessions.authenticate(access));
  }
  /// Lets the store answer until `condition` holds.
  template <class F>
  bool settles(F condition) {
    for (int i = 0; i < 200 && !condition(); ++i) {
      EXPECT_TRUE(loop_.run(store_->control_log(0, 1)).has_value());
      EXPECT_TRUE(loop_.run(store_->ping()).has_value());
    }
    return condition();
  }
  token::Claims claims_for(std::string user_id, std::string sid) {
    const std::int64_t now = unix_seconds(clock_.wall());
    return {.iss = "https://example.com",
            .aud = {"example"},
            .exp = now + 600,
            .iat = now,
            .sub = std::move(user_id),
            .sid = std::move(sid),
            .jti = "j"};
  }

  sqlite::TestFolder folder_;
  ManualClock clock_;
  ManualLoop loop_{clock_};
  std::unique_ptr<sqlite::SqliteStore> store_ =
      std::move(*sqlite::SqliteStore::open(folder_.database(), {.clock = &clock_}));
  token::KeyRing ring_ = *token::KeyRing::make({token::Key::generate(token::Algorithm::eddsa)});
  token::Issuer issuer_{ring_};
  token::Verifier verifier_{ring_, {.issuer = "https://example.com", .audience = "example"}};
  std::vector<Sessions*> running_;
  std::unique_ptr<Sessions> sessions_;
  TestWallet wallet_;
};

}  // namespace gatecast::session
