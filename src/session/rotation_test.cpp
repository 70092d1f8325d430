#include "session/rotation.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "session/rotation_model.hpp"

namespace gatecast::session {
namespace {

using namespace std::chrono_literals;
using store::RotationDecision;
using store::RotationRow;
using Kind = RotationDecision::Kind;

constexpr WallTime kNow{std::chrono::seconds{1'800'000'000}};
const RotationRules kRules{};

/// A row of the table in ARCHITECTURE.md.
struct TableRow {
  std::string presented, conditions, then;
};

std::string trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(' ') - begin + 1));
}

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(by, at), text.size());
    out.push_back(trimmed(std::string_view(text).substr(at, end - at)));
    at = end + 1;
  }
  return out;
}

std::vector<TableRow> table() {
  std::ifstream in(std::string(GATECAST_SOURCE_DIR) + "/ARCHITECTURE.md");
  std::vector<TableRow> rows;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("## ")) inside = line == "## Refresh rotation";
    if (!inside || !line.starts_with("| ") || line.starts_with("| row")) continue;
    const auto cells = split(line, '|');  // "", number, presented, and, then, ""
    EXPECT_EQ(cells.size(), 6U) << line;
    EXPECT_EQ(cells.at(1), std::to_string(rows.size() + 1)) << line;
    rows.push_back({cells.at(2), cells.at(3), cells.at(4)});
  }
  return rows;
}

struct Case {
  RotationRow row;
  std::uint64_t presented = 0;
};

bool fits(const std::string& condition, const Case& c) {
  const Duration age = kNow - c.row.rotated_at;
  if (condition.empty() || condition == "any") return true;
  if (condition == "p = gen") return c.presented == c.row.gen;
  if (condition == "p = gen-1") return c.presented + 1 == c.row.gen;
  if (condition == "p > gen") return c.presented > c.row.gen;
  if (condition == "gen not kept") return c.row.kept_gen < c.row.gen;
  if (condition == "rotated less than grace ago") return age < kRules.grace;
  if (condition == "rotated less than lost_reply_window ago") return age < kRules.lost_reply_window;
  if (condition == "ended, expired or blocked") {
    return c.row.end_reason || c.row.expires_at <= kNow || c.row.absolute_expires_at <= kNow || c.row.blocked;
  }
  ADD_FAILURE() << "the table says what this test does not know: " << condition;
  return false;
}

/// Whether `d` is what the table's words say. `notes`: without looking at what is noted beside.
bool is(const std::string& then, const Case& c, const RotationDecision& d) {
  std::string audit;
  Kind kind = Kind::refuse;
  std::uint64_t gen = 0;
  for (const std::string& word : split(then, ';')) {
    if (word.starts_with("audit "))
      audit = word.substr(6);
    else if (word == "gen again")
      kind = Kind::repeat, gen = c.row.gen;
    else if (word == "rotate to p+1")
      kind = Kind::rotate, gen = c.presented + 1;
    else if (word == "end with refresh_reuse")
      kind = Kind::end;
    else if (word != "refuse with that reason")
      ADD_FAILURE() << "unknown: " << word;
  }
  if (d.kind != kind || d.audit != audit || d.gen != gen) return false;
  switch (kind) {
    case Kind::refuse:
      return d.reason == c.row.end_reason.value_or(c.row.expires_at <= kNow || c.row.absolute_expires_at <= kNow
                                                       ? Errc::session_expired
                                                       : Errc::user_blocked);
    case Kind::end: return d.reason == Errc::refresh_reuse;
    case Kind::repeat: return d.kept_gen == std::max(c.row.kept_gen, std::min(c.presented, c.row.gen));
    case Kind::rotate:
      return d.kept_gen == c.presented &&
             d.expires_at == std::min(WallTime{kNow + std::chrono::days(30)}, c.row.absolute_expires_at);
  }
  return false;
}

void each_case(const std::function<void(const Case&)>& visit) {
  const std::vector<Duration> ages{-1h, 0ms, 1ms, 29'999ms, 30s, 30'001ms, 1h, 24h - 1ms, 24h, 24h + 1ms, 480h};
  const std::vector<std::optional<Errc>> ends{std::nullopt, Errc::signed_out, Errc::refresh_reuse};
  const std::vector<Duration> lives{-1ms, 0ms, 1ms, 240h, 4000h};
  for (const Duration age : ages)
    for (const auto& end : ends)
      for (const Duration life : lives)
        for (const Duration absolute : lives)
          for (const bool blocked : {false, true})
            for (std::uint64_t gen = 1; gen <= 5; ++gen)
              for (std::uint64_t kept = 0; kept <= gen + 1; ++kept)
                for (std::uint64_t presented = 1; presented <= 8; ++presented) {
                  const auto at = [](Duration d) {
                    return kNow + std::chrono::duration_cast<std::chrono::milliseconds>(d);
                  };
                  visit({{.gen = gen,
                          .kept_gen = kept,
                          .rotated_at = at(-age),
                          .expires_at = at(life),
                          .absolute_expires_at = at(absolute),
                          .end_reason = end,
                          .blocked = blocked},
                         presented});
                }
}

/// The cases in which `decide` is not what the table says, at most a few; and how often each row was the one.
std::vector<std::string> disagreements(const Decide& judged, std::map<std::size_t, int>* used = nullptr) {
  static const std::vector<TableRow> rows = table();
  std::vector<std::string> out;
  each_case([&](const Case& c) {
    std::size_t n = 0;
    const auto all_fit = [&](const TableRow& row) {
      return fits(row.presented, c) &&
             std::ranges::all_of(split(row.conditions, ';'), [&](const std::string& cond) { return fits(cond, c); });
    };
    while (n < rows.size() && !all_fit(rows[n])) ++n;
    if (n == rows.size()) return out.push_back("no row fits");
    if (used != nullptr) ++(*used)[n + 1];
    if (out.size() < 5 && !is(rows[n].then, c, judged(c.row, c.presented, kNow, kRules))) {
      out.push_back(fmt::format("row {}: p {} gen {} kept {} rotated {} s ago", n + 1, c.presented, c.row.gen,
                                c.row.kept_gen, std::chrono::duration<double>(kNow - c.row.rotated_at).count()));
    }
  });
  return out;
}

TEST(Rotation, IsTheTableOfTheArchitecture) {
  ASSERT_EQ(table().size(), 7U);
  std::map<std::size_t, int> used;
  EXPECT_EQ(disagreements(decide, &used), std::vector<std::string>{});
  for (std::size_t row = 1; row <= 7; ++row) EXPECT_GT(used[row], 0) << "no case comes to row " << row;
}

TEST(Rotation, KeptIsShownByAnAccessTokenAsOldAsTheGrace) {
  const std::int64_t issued = unix_seconds(kNow);
  EXPECT_FALSE(shows_kept(issued, kNow, 30s));
  EXPECT_FALSE(shows_kept(issued, kNow + 30'998ms, 30s)) << "iat is cut to the second";
  EXPECT_TRUE(shows_kept(issued, kNow + 30'999ms, 30s));
  EXPECT_FALSE(shows_kept(issued, kNow - 1h, 30s));
}

struct Outcome {
  std::vector<std::string> faults;
  std::uint64_t rotations = 0;
  int ended = 0;
};

/// 50 clients, `steps` events each.
Outcome simulate(const Decide& judged, StoreBugs bugs, std::uint64_t seed, bool with_thief, int steps) {
  Outcome out;
  for (std::uint64_t client = 0; client < 50; ++client) {
    RotationModel model(judged, bugs, seed * 1000 + client, with_thief);
    for (int i = 0; i < steps && model.faults().empty(); ++i) model.step();
    model.finish();
    out.faults.insert(out.faults.end(), model.faults().begin(), model.faults().end());
    out.rotations += model.rotations();
    out.ended += model.ended() ? 1 : 0;
  }
  return out;
}

TEST(RotationModelTest, NoHonestClientIsSignedOutAndNoCopySurvives) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    for (const bool thief : {false, true}) {
      const Outcome out = simulate(decide, {}, seed, thief, 2000);
      ASSERT_TRUE(out.faults.empty()) << "seed " << seed << (thief ? " with thief: " : ": ") << out.faults.front();
      EXPECT_GT(out.rotations, 200U) << "the model must rotate for this to say anything";
    }
  }
}

/// A client and a thief renew in turns, an hour apart, and use what they get: the second to come ends the session.
TEST(RotationModelTest, ACopyThatIsUsedEndsTheSession) {
  for (const bool thief_first : {false, true}) {
    RotationRow row{.gen = 4,
                    .rotated_at = kNow,
                    .expires_at = kNow + std::chrono::days(9),
                    .absolute_expires_at = kNow + std::chrono::days(9)};
    std::uint64_t held[2] = {4, 4};
    int renewals = 0;
    WallTime now = kNow;
    for (unsigned turn = thief_first ? 1 : 0; renewals < 10; ++turn, ++renewals) {
      now += 1h;
      const RotationDecision d = decide(row, held[turn % 2], now, kRules);
      if (d.kind == Kind::end) break;
      ASSERT_EQ(d.kind, Kind::rotate);
      held[turn % 2] = row.gen = d.gen;
      row.rotated_at = now;
      row.kept_gen = d.gen;  // its access token is used
    }
    EXPECT_EQ(renewals, 1);
  }
}

struct Mutant {
  const char* name;
  Decide decide;
};

/// The table with one thing changed about what goes in or comes out.
const std::vector<Mutant>& mutants() {
  static const auto with_rules = [](auto change) {
    return [change](const RotationRow& row, std::uint64_t p, WallTime now, RotationRules rules) {
      change(rules);
      return decide(row, p, now, rules);
    };
  };
  static const auto with_row = [](auto change) {
    return [change](RotationRow row, std::uint64_t p, WallTime now, const RotationRules& rules) {
      change(row, p);
      return decide(row, p, now, rules);
    };
  };
  static const auto with_answer = [](auto change) {
    return [change](const RotationRow& row, std::uint64_t p, WallTime now, const RotationRules& rules) {
      RotationDecision d = decide(row, p, now, rules);
      change(d, row, p);
      return d;
    };
  };
  static const std::vector<Mutant> all{
      {"no_grace", with_rules([](RotationRules& r) { r.grace = 0s; })},
      {"grace_one_ms_longer", with_rules([](RotationRules& r) { r.grace += 1ms; })},
      {"grace_one_ms_shorter", with_rules([](RotationRules& r) { r.grace -= 1ms; })},
      {"no_lost_reply_window", with_rules([](RotationRules& r) { r.lost_reply_window = 0s; })},
      {"endless_lost_reply_window", with_rules([](RotationRules& r) { r.lost_reply_window = 10'000h; })},
      {"kept_forgotten", with_row([](RotationRow& r, std::uint64_t) { r.kept_gen = 0; })},
      {"kept_always", with_row([](RotationRow& r, std::uint64_t) { r.kept_gen = r.gen; })},
      {"kept_one_early", with_row([](RotationRow& r, std::uint64_t) { ++r.kept_gen; })},
      {"ending_ignored", with_row([](RotationRow& r, std::uint64_t) { r.end_reason.reset(); })},
      {"block_ignored", with_row([](RotationRow& r, std::uint64_t) { r.blocked = false; })},
      {"expiry_ignored", with_row([](RotationRow& r, std::uint64_t) { r.expires_at = kNow + 1000h; })},
      {"absolute_end_ignored", with_row([](RotationRow& r, std::uint64_t) { r.absolute_expires_at = kNow + 9999h; })},
      {"two_behind_is_one_behind", with_row([](RotationRow& r, std::uint64_t p) {
         if (p + 2 == r.gen) --r.gen;
       })},
      {"rewound_store_is_theft", with_answer([](RotationDecision& d, const RotationRow& r, std::uint64_t p) {
         if (p > r.gen && d.kind == Kind::rotate) d = {.kind = Kind::end, .reason = Errc::refresh_reuse};
       })},
      {"rewound_store_goes_on_from_gen", with_answer([](RotationDecision& d, const RotationRow& r, std::uint64_t p) {
         if (p > r.gen && d.kind == Kind::rotate) d.gen = r.gen + 1;
       })},
      {"rotates_within_the_grace", with_answer([](RotationDecision& d, const RotationRow& r, std::uint64_t p) {
         if (p == r.gen && d.kind == Kind::repeat)
           d = {.kind = Kind::rotate, .gen = p + 1, .kept_gen = p, .expires_at = r.expires_at};
       })},
      {"reuse_is_only_refused", with_answer([](RotationDecision& d, const RotationRow&, std::uint64_t) {
         if (d.kind == Kind::end) d.kind = Kind::refuse;
       })},
      {"repeat_answers_what_was_presented", with_answer([](RotationDecision& d, const RotationRow&, std::uint64_t p) {
         if (d.kind == Kind::repeat) d.gen = p;
       })},
      {"no_audit", with_answer([](RotationDecision& d, const RotationRow&, std::uint64_t) { d.audit = {}; })},
      {"presenting_keeps_nothing",
       with_answer([](RotationDecision& d, const RotationRow& r, std::uint64_t) { d.kept_gen = r.kept_gen; })},
  };
  return all;
}

TEST(Rotation, TheTableSeesEveryMutant) {
  for (const Mutant& mutant : mutants()) EXPECT_FALSE(disagreements(mutant.decide).empty()) << mutant.name;
}

bool model_sees(const Decide& judged, StoreBugs bugs) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    if (!simulate(judged, bugs, seed, false, 2000).faults.empty()) return true;
    if (!simulate(judged, bugs, seed, true, 2000).faults.empty()) return true;
  }
  return false;
}

/// What the model judges by is no copy of the table, so it need not see each; these hurt someone.
TEST(RotationModelTest, SeesTheMutantsThatHurtSomeone) {
  const std::set<std::string_view> hurting{"no_grace",
                                           "no_lost_reply_window",
                                           "endless_lost_reply_window",
                                           "kept_forgotten",
                                           "kept_always",
                                           "ending_ignored",
                                           "two_behind_is_one_behind",
                                           "rewound_store_is_theft",
                                           "rewound_store_goes_on_from_gen",
                                           "rotates_within_the_grace",
                                           "reuse_is_only_refused",
                                           "repeat_answers_what_was_presented"};
  std::size_t tried = 0;
  for (const Mutant& mutant : mutants()) {
    if (!hurting.contains(mutant.name)) continue;
    ++tried;
    EXPECT_TRUE(model_sees(mutant.decide, {})) << mutant.name;
  }
  EXPECT_EQ(tried, hurting.size());
}

TEST(RotationModelTest, SeesAStoreThatBreaksItsWord) {
  EXPECT_TRUE(model_sees(decide, {.update_unconditional = true}));
  EXPECT_TRUE(model_sees(decide, {.ending_overwritten = true}));
  EXPECT_TRUE(model_sees(decide, {.notes_ignored = true}));
}

}  // namespace
}  // namespace gatecast::session
