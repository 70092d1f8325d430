// A model of sessions that are renewed: honest clients with lost replies and several tabs, thieves, crashes, clock
// steps, a store that is set back, endings; every interleaving by chance, from a seed.
//
// Place: tests only. One object is one session with its store row, the process's notes and everyone who holds a token.
// `faults` says what must never be, as text. Pure but for the random source given.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "session/rotation.hpp"

namespace gatecast::session {

using Decide =
    std::function<store::RotationDecision(const store::RotationRow&, std::uint64_t, WallTime, const RotationRules&)>;

/// What the store could do wrong, for mutants.
struct StoreBugs {
  bool update_unconditional = false;  // a lost update is not noticed
  bool ending_overwritten = false;    // a renewal decided before an ending is answered after it
  bool answer_before_commit = false;  // a crash loses what was answered
  bool kept_backwards = false;        // a late note moves kept_gen back
  bool notes_ignored = false;         // kept generations are never written
};

class RotationModel {
 public:
  using Kind = store::RotationDecision::Kind;
  static constexpr std::int64_t kDelayMs = 10'000;  // a message arrives within this or never

  RotationModel(Decide decide, StoreBugs bugs, std::uint64_t seed, bool with_thief)
      : decide_(std::move(decide)), bugs_(bugs), random_(seed), with_thief_(with_thief) {
    row_ = {.rotated_at = now_,
            .expires_at = now_ + std::chrono::days(30),
            .absolute_expires_at = now_ + std::chrono::days(180)};
    holders_[0] = {.saved = 1, .access_gen = 1, .issued = unix_seconds(now_), .saved_ms = -60'000};
  }

  /// One event by chance.
  void step() {
    const unsigned what = chance(100);
    if (what < 25)
      send(0);
    else if (what < 33 && with_thief_)
      thief();
    else if (what < 55)
      deliver();
    else if (what < 62)
      lose();
    else if (what < 75)
      use(0);
    else if (what < 79)
      write_notes();
    else if (what < 81)
      crash();
    else if (what < 83)
      step_clock();
    else if (what < 84)
      rewind();
    else if (what < 85 && chance(8) == 0)
      end();
    else if (chance(10) == 0)
      pass(chance(20) == 0 ? 30 * 3'600'000 : 3'600'000);
    else
      pass(chance(20'000));
  }
  void finish() {
    while (!flights_.empty()) arrive(0);
  }

  const std::vector<std::string>& faults() const { return faults_; }
  bool ended() const { return row_.end_reason.has_value(); }
  std::uint64_t rotations() const { return rotations_; }

 private:
  struct Holder {
    std::uint64_t saved = 0;  // generation of the refresh token held; 0: none
    std::uint64_t access_gen = 0;
    std::int64_t issued = 0;    // iat of the access token held
    std::int64_t saved_ms = 0;  // true time
    bool eager = false;         // got by a rotation: another tab may renew it at once
  };
  /// A request on its way, read and decided but not yet committed, or its answer on the way back.
  struct Flight {
    enum class At : std::uint8_t { asking, decided, answering };
    At at = At::asking;
    unsigned who = 0;
    std::uint64_t presented = 0;
    std::int64_t until_ms = 0;
    store::RotationRow seen{};
    store::RotationDecision decision{};
    WallTime decided_at{};
  };

  unsigned chance(unsigned n) { return static_cast<unsigned>(random_() % n); }
  void fault(std::string what) { faults_.push_back(std::move(what)); }

  void send(unsigned who) {
    Holder& holder = holders_[who];
    if (holder.saved == 0 || flights_.size() > 4) return;
    // A client does not renew what it has just got, but for a tab that does not know; its tabs may renew together.
    const std::int64_t had = true_ms_ - holder.saved_ms;
    if (had < 30'000 && !(holder.eager && had < kDelayMs)) return;
    for (unsigned tabs = 1 + chance(3); tabs > 0; --tabs) {
      flights_.push_back({.who = who, .presented = holder.saved, .until_ms = true_ms_ + kDelayMs});
    }
  }
  void thief() {
    if (holders_[1].saved == 0) {
      if (chance(20) == 0) holders_[1] = holders_[0];
      return;
    }
    chance(2) == 0 ? send(1) : use(1);
  }
  void deliver() {
    if (!flights_.empty()) advance(chance(static_cast<unsigned>(flights_.size())));
  }
  void lose() {
    if (!flights_.empty()) flights_.erase(flights_.begin() + chance(static_cast<unsigned>(flights_.size())));
  }
  void arrive(std::size_t i) {
    const std::size_t before = flights_.size();
    while (flights_.size() == before) advance(i);
  }

  void advance(std::size_t i) {
    Flight& flight = flights_[i];
    switch (flight.at) {
      case Flight::At::asking:
        flight.seen = row_;
        flight.seen.kept_gen = std::max(row_.kept_gen, noted_);
        flight.decision = decide_(flight.seen, flight.presented, now_, rules_);
        flight.decided_at = now_;
        flight.at = Flight::At::decided;
        break;
      case Flight::At::decided: commit(flight); break;
      case Flight::At::answering:
        receive(flight);
        flights_.erase(flights_.begin() + static_cast<std::ptrdiff_t>(i));
        break;
    }
  }

  void commit(Flight& flight) {
    const bool moved = row_.gen != flight.seen.gen || row_.kept_gen > flight.seen.kept_gen;
    const bool ended = row_.end_reason.has_value() && !flight.seen.end_reason.has_value();
    if ((moved && !bugs_.update_unconditional) || (ended && !bugs_.ending_overwritten)) {
      flight.at = Flight::At::asking;  // lost: read again, apply the table again
      return;
    }
    const store::RotationDecision& d = flight.decision;
    const bool accepted = d.kind == Kind::repeat || d.kind == Kind::rotate;
    judge(flight, accepted);
    if (accepted) {
      row_.kept_gen = bugs_.kept_backwards ? d.kept_gen : std::max(row_.kept_gen, d.kept_gen);
      shown_.insert(flight.presented);
    }
    if (d.kind == Kind::rotate) {
      row_.gen = d.gen;
      row_.rotated_at = now_;
      row_.expires_at = d.expires_at;
      ++rotations_;
      uncommitted_ = bugs_.answer_before_commit;
    }
    if (d.kind == Kind::end) row_.end_reason = d.reason;
    if (accepted && d.gen != row_.gen) fault("an answer is not the row's generation");
    flight.at = Flight::At::answering;
  }

  /// What must hold whatever the table says: by who has got and shown what.
  void judge(const Flight& flight, bool accepted) {
    const std::uint64_t p = flight.presented;
    const auto& d = flight.decision;
    const Duration age = flight.decided_at - row_.rotated_at;
    // Who comes back with a lost reply after the window signs in again.
    const bool came_late = p + 1 == row_.gen && age >= rules_.lost_reply_window;
    if (d.kind == Kind::end && holders_[1].saved == 0 && !came_late) {
      fault(fmt::format("an honest client is signed out: presented {} of {}", p, row_.gen));
    }
    if (d.kind == Kind::refuse && !row_.end_reason.has_value()) fault("a standing session is refused");
    if (accepted && row_.end_reason.has_value()) fault("an ended session is renewed");
    if (!accepted || p >= row_.gen) {
      if (accepted && d.gen < p) fault("a generation goes backwards");
      return;
    }
    if (p + 1 < row_.gen) fault(fmt::format("a copy two behind is renewed: {} of {}", p, row_.gen));
    if (age >= rules_.grace && shown_.contains(row_.gen)) fault("a copy is renewed though its successor was shown");
    if (age >= rules_.lost_reply_window) fault("a copy is renewed after the window");
  }

  void receive(const Flight& flight) {
    const auto& d = flight.decision;
    if (d.kind != Kind::repeat && d.kind != Kind::rotate) return;
    Holder& holder = holders_[flight.who];
    if (d.gen < holder.saved) return;
    holder = {.saved = d.gen,
              .access_gen = d.gen,
              .issued = unix_seconds(flight.decided_at),
              .saved_ms = true_ms_,
              .eager = d.kind == Kind::rotate};
  }

  /// The access token is used.
  void use(unsigned who) {
    const Holder& holder = holders_[who];
    if (holder.saved != 0 && shows_kept(holder.issued, now_, rules_.grace))
      noted_ = std::max(noted_, holder.access_gen);
  }
  void write_notes() {
    if (noted_ == 0) return;
    if (!bugs_.notes_ignored) row_.kept_gen = bugs_.kept_backwards ? noted_ : std::max(row_.kept_gen, noted_);
    shown_.insert(noted_);
    if (!bugs_.kept_backwards) noted_ = 0;
  }
  void crash() {
    flights_.clear();
    noted_ = 0;
    if (uncommitted_) --row_.gen;
    uncommitted_ = false;
  }
  void step_clock() {
    // Forward only while nothing is on its way: a step over the grace is time passed for what is.
    const std::chrono::milliseconds by{static_cast<std::int64_t>(chance(120'000)) - 60'000};
    if (by.count() > 0) finish();
    now_ += by;
  }
  /// The store is set back to how it was a moment ago; the process is started anew.
  void rewind() {
    if (with_thief_ || ended()) return;
    if (snapshot_.has_value() && chance(2) == 0) {
      flights_.clear();
      noted_ = 0;
      row_ = *snapshot_;
      shown_.clear();
      snapshot_.reset();
    } else {
      snapshot_ = row_;
    }
  }
  void end() {
    if (!ended()) row_.end_reason = Errc::signed_out;
  }
  void pass(std::int64_t ms) {
    while (!flights_.empty() &&
           std::ranges::any_of(flights_, [&](const Flight& f) { return f.until_ms < true_ms_ + ms; })) {
      chance(3) == 0 ? lose() : deliver();
    }
    true_ms_ += ms;
    now_ += std::chrono::milliseconds(ms);
    // A client that is away for weeks is not what this is about.
    if (now_ + std::chrono::days(20) > row_.expires_at) row_.expires_at = now_ + std::chrono::days(30);
    if (now_ + std::chrono::days(60) > row_.absolute_expires_at)
      row_.absolute_expires_at = now_ + std::chrono::days(180);
  }

  Decide decide_;
  const StoreBugs bugs_;
  std::mt19937_64 random_;
  const bool with_thief_;
  const RotationRules rules_{};
  WallTime now_{std::chrono::seconds{1'800'000'000}};
  std::int64_t true_ms_ = 0;
  store::RotationRow row_;
  std::optional<store::RotationRow> snapshot_;
  std::uint64_t noted_ = 0;        // in memory
  std::set<std::uint64_t> shown_;  // generations presented, or whose note was written
  Holder holders_[2];              // the client and a thief
  std::vector<Flight> flights_;
  std::vector<std::string> faults_;
  std::uint64_t rotations_ = 0;
  bool uncommitted_ = false;
};

}  // namespace gatecast::session
