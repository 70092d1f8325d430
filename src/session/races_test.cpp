// Sessions over SQLite under many loops at once, and in long stories by chance: an ending wins every race, and no
// honest client is signed out.
#include <random>
#include <thread>

#include "session/sessions_fixture.hpp"

namespace gatecast::session {
namespace {

using namespace std::chrono_literals;

class RacesTest : public SessionsTest {
 protected:
  static constexpr int kLoops = 6;
  static constexpr int kEach = 12;

  /// What one loop did: every token it was given.
  struct Racer {
    std::vector<WalletSignIn> proofs;
    std::vector<Tokens> renewing;
    std::vector<Tokens> got;
    std::vector<Errc> refused;
  };

  std::vector<Racer> racers() {
    std::vector<Racer> all(kLoops);
    for (Racer& racer : all) {
      for (int i = 0; i < kEach; ++i) {
        racer.renewing.push_back(signed_in(wallet_));
        racer.proofs.push_back(proof(wallet_));
      }
    }
    clock_.advance(20min);  // past the grace, so that each renewal rotates
    for (Racer& racer : all) {
      for (WalletSignIn& each : racer.proofs) each = proof(wallet_);
    }
    return all;
  }
  /// Renews, signs in and mints by turns, on a thread and loop of its own.
  void race(Racer& racer) {
    ManualLoop loop(clock_);
    const auto keep = [&racer](Result<Tokens> done) {
      done.has_value() ? racer.got.push_back(std::move(*done)) : racer.refused.push_back(done.error().code);
    };
    for (int i = 0; i < kEach; ++i) {
      keep(loop.run(sessions_->renew(racer.renewing[static_cast<std::size_t>(i)].refresh, kClient)));
      keep(loop.run(sessions_->sign_in_wallet(racer.proofs[static_cast<std::size_t>(i)], kClient)));
      // A back end that mints for the same user.
      keep(loop.run(sessions_->start(racer.renewing.front().user.id, false, kClient)));
    }
  }
  void race_against(std::vector<Racer>& all, const std::function<void()>& ending) {
    std::vector<std::jthread> threads;
    for (Racer& racer : all) threads.emplace_back([this, &racer] { race(racer); });
    ending();
  }
  std::string row(const std::string& sql) {
    sqlite::Database db = sqlite::look_into(folder_.database());
    return sqlite::first_value(db, sql);
  }
  /// A token and its session are judged alike by the index, by the store and by a renewal.
  bool stands(const Tokens& tokens) {
    const bool stands = sessions_->authenticate(tokens.access).has_value();
    const auto view = loop_.run(store_->session(tokens.session.sid));
    EXPECT_TRUE(view.has_value());
    if (view.has_value()) EXPECT_EQ(stands, !view->session.ended_at.has_value());
    EXPECT_EQ(loop_.run(sessions_->renew(tokens.refresh, kClient)).has_value(), stands);
    return stands;
  }
};

TEST_F(RacesTest, EndingAllWinsAgainstRenewalsSignInsAndMints) {
  let_go(std::move(sessions_));
  SessionOptions options = default_options();
  options.per_user = 0;
  sessions_ = make(options);
  ASSERT_TRUE(loop_.run(sessions_->load()).has_value());
  std::vector<Racer> all = racers();
  const std::string user = all[0].renewing[0].user.id;
  std::size_t ended = 0;
  race_against(all, [&] { ended = loop_.run(sessions_->end_all(user, "")).value_or(0); });
  EXPECT_GE(ended, static_cast<std::size_t>(kLoops * kEach)) << "all that were there before";
  std::size_t standing = 0;
  for (Racer& racer : all) {
    for (const Tokens& old : racer.renewing) EXPECT_FALSE(stands(old));
    for (const Tokens& got : racer.got) standing += stands(got) ? 1U : 0U;
    for (const Errc code : racer.refused) EXPECT_EQ(code, Errc::signed_out);
  }
  // Rows are in the order of commits: what stands was made after all that ended.
  EXPECT_EQ(row("SELECT count(*) FROM sessions WHERE ended_at IS NULL AND rowid <"
                " (SELECT max(rowid) FROM sessions WHERE ended_at IS NOT NULL)"),
            "0");
  EXPECT_EQ(row("SELECT count(*) FROM sessions WHERE ended_at IS NULL"), std::to_string(standing));
}

TEST_F(RacesTest, ABlockLeavesNothingStanding) {
  std::vector<Racer> all = racers();
  const std::string user = all[0].renewing[0].user.id;
  race_against(all, [&] {
    auto blocked = loop_.run(store_->block_user(user, true, clock_.wall(), "", "tests"));
    ASSERT_TRUE(blocked.has_value());
    spawn(sessions_->told(blocked->ended));
  });
  EXPECT_EQ(row("SELECT count(*) FROM sessions WHERE ended_at IS NULL"), "0");
  for (Racer& racer : all) {
    for (const Tokens& got : racer.got) EXPECT_FALSE(stands(got));
  }
  EXPECT_EQ(code(sign_in(proof(wallet_))), Errc::user_blocked);
}

/// One client of a story: an honest one, which keeps the newest generation it has got.
struct Client {
  Tokens held;
  bool ended = false;
};

class StoriesTest : public RacesTest {
 protected:
  static std::uint64_t generation(const Tokens& tokens) { return tokens.session.gen; }

  unsigned chance(unsigned below) { return static_cast<unsigned>(random_() % below); }

  /// Renews from several tabs at once; each answer arrives or is lost.
  void renew(Client& client) {
    std::vector<Task<Result<Tokens>>> tabs;
    for (unsigned i = 0; i <= chance(3); ++i) tabs.push_back(sessions_->renew(client.held.refresh, kClient));
    for (const auto& answer : loop_.run(store::gather(std::move(tabs)))) {
      if (client.ended) {
        ASSERT_EQ(code(answer), Errc::signed_out) << where();
        continue;
      }
      ASSERT_TRUE(answer.has_value()) << where() << info(answer.error().code).name << ' ' << answer.error().detail;
      ++renewals_;
      if (chance(4) != 0 && generation(*answer) >= generation(client.held)) client.held = *answer;
    }
  }
  void use(const Client& client) {
    const auto caller = sessions_->authenticate(client.held.access);
    if (client.ended) {
      ASSERT_FALSE(caller.has_value()) << where();
    } else if (caller.has_value()) {
      sessions_->seen(*caller);
    } else {
      // Old ones expire; nothing else may be said of a session that stands.
      ASSERT_TRUE(caller.error().code == Errc::token_expired || caller.error().code == Errc::token_not_yet_valid ||
                  caller.error().code == Errc::temporarily_unavailable)
          << where() << info(caller.error().code).name;
    }
  }
  void restart() {
    let_go(std::move(sessions_));
    store_->stop();
    store_ = std::move(*sqlite::SqliteStore::open(folder_.database(), {.clock = &clock_}));
    sessions_ = make();
    ASSERT_TRUE(loop_.run(sessions_->load()).has_value());
  }
  std::string where() const { return fmt::format("seed {}, step {}: ", seed_, step_); }

  void step(std::vector<Client>& clients) {
    Client& client = clients[chance(static_cast<unsigned>(clients.size()))];
    const unsigned what = chance(100);
    if (what < 50) return renew(client);
    if (what < 75) return use(client);
    if (what < 90) return loop_.advance(std::chrono::seconds(chance(1200)));
    if (what < 94) return clock_.step_wall(std::chrono::seconds(static_cast<int>(chance(600)) - 300));
    if (what < 97) {
      EXPECT_TRUE(loop_.run(sessions_->end(client.held.session.sid, Errc::signed_out, "")).has_value()) << where();
      client.ended = true;
      return;
    }
    restart();
  }

  std::mt19937_64 random_;
  std::uint64_t seed_ = 0;
  int step_ = 0;
  int renewals_ = 0;
};

TEST_F(StoriesTest, NoHonestClientIsSignedOutAndNoEndedSessionLives) {
  std::vector<Client> clients;
  for (int i = 0; i < 50; ++i) clients.push_back({signed_in(TestWallet{})});
  for (seed_ = 1; seed_ <= 3 && !HasFatalFailure(); ++seed_) {
    random_.seed(seed_);
    for (step_ = 0; step_ < 250 && !HasFatalFailure(); ++step_) step(clients);
  }
  EXPECT_GT(renewals_, 300);
}

}  // namespace
}  // namespace gatecast::session
