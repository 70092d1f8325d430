// What Sessions does with the control log: reading it on, beginning anew on another history, answering other nodes.
#include "core/log.hpp"
#include "metrics/registry.hpp"
#include "session/control_kinds.hpp"
#include "session/sessions.hpp"

namespace gatecast::session {
namespace {

constexpr std::uint32_t kRecallRows = 1000;
// A look writes so many endings again at most, so that reading the log goes on in between.
constexpr std::size_t kReassertsALook = 100;

}  // namespace

// The place in the log first, then the endings: what is committed in between is read again, never skipped. The history
// before both: if it changes meanwhile, the next read sees another one.
Task<Result<void>> Sessions::begin_log(bool telling) {
  Result<std::string> history = co_await store_.history();
  if (!history.has_value()) co_return history.error();
  Result<void> placed = co_await control_.start();
  if (!placed.has_value()) co_return placed;
  Result<std::optional<WallTime>> restored = co_await store_.restored_at();
  if (!restored.has_value()) co_return restored.error();
  restored_ms_.store(restored->has_value() ? unix_ms(**restored) : 0, std::memory_order_release);
  const WallTime since = clock_.wall() - options_.variants.longest(options_.access_ttl) - kClockSkewMax;
  Result<std::vector<store::ControlRow>> ended = co_await store_.ended_since(since);
  if (!ended.has_value()) co_return ended.error();
  for (const store::ControlRow& row : *ended) take(row, telling);
  history_ = std::move(*history);
  co_return Result<void>{};
}

// Endings of trusted issuers' sessions are older than the tokens of ours may be: all that the log still has.
Task<Result<void>> Sessions::recall_foreign() {
  std::uint64_t after = 0;
  for (bool more = true; more;) {
    Result<std::vector<store::ControlRow>> rows = co_await store_.control_log(after, kRecallRows);
    if (!rows.has_value()) co_return rows.error();
    for (const store::ControlRow& row : *rows) {
      after = row.seq;
      if (row.kind == kForeignEnded) take(row, false);
    }
    more = rows->size() >= kRecallRows;
  }
  co_return Result<void>{};
}

void Sessions::take(const store::ControlRow& row, bool telling) {
  const Ending ending{row.subject, row.user_id, row.reason};
  if (row.kind == kSessionEnded) {
    // An ending made here is known already. One so old that its tokens are dead still closes what is open.
    if (learn(ending, row.at) != RevocationIndex::Added::known && telling) tell(ending);
    return;
  }
  if (row.kind != kForeignEnded) return;
  const auto known = foreign_.end(row.subject, row.reason, row.at);
  if (!known.has_value()) return log::warn("control_log_failed", {{"code", info(known.error().code).name}});
  if (!known->now) return;
  std::string user_id = known->user_id.empty() ? row.user_id : known->user_id;
  if (clock_.wall() - row.at < RecentEndings::kKept) {
    recent_.add({row.subject, user_id, row.reason, row.at}, clock_.steady());
  }
  if (telling) tell({row.subject, std::move(user_id), row.reason});
}

// Both are taken before the first question: what is committed until then is in what is read.
Task<Result<void>> Sessions::read_control() {
  const SteadyTime began = clock_.steady();
  const bool may = touch_.held(began);
  Result<void> read = co_await read_on(began, may);
  log_failing_.store(!read.has_value(), std::memory_order_release);
  if (!read.has_value()) Stats::add(stats_.control_failures);
  co_return read;
}

Task<Result<void>> Sessions::read_on(SteadyTime began, bool may) {
  Result<std::string> history = co_await store_.history();
  if (!history.has_value()) co_return history.error();
  if (!history_.empty() && *history != history_) {
    Result<void> again = co_await begin_again();
    if (!again.has_value()) co_return again;
  }
  // Before the start is complete nobody has connected whom one could tell.
  const auto sink = [this](const store::ControlRow& row) {
    Stats::add(stats_.control_rows);
    take(row, loaded_);
  };
  Result<ControlReader::Read> read = co_await control_.read(sink);
  if (read.has_value() && *read == ControlReader::Read::rewound) {
    Result<void> again = co_await begin_again();
    if (!again.has_value()) co_return again;
    read = co_await control_.read(sink);
  }
  if (!read.has_value()) co_return read.error();
  in_touch_ns_.store(began.time_since_epoch().count(), std::memory_order_release);
  if (may) decides_until_ns_.store((began + options_.leave).time_since_epoch().count(), std::memory_order_release);
  co_return Result<void>{};
}

// Commits may have been undone: numbers are given again, and endings that were told are not in the store any more. What
// the index knows it goes on knowing; the store gets it back.
Task<Result<void>> Sessions::begin_again() {
  auto lately = recent_.all(clock_.steady());
  log::warn("store_set_back", {{"endings", lately.size()}});
  Result<void> begun = co_await begin_log(true);
  if (begun.has_value()) reasserts_ = std::move(lately);
  co_return begun;
}

Task<void> Sessions::look() {
  const bool failing = log_failing_.load(std::memory_order_acquire);
  Result<void> read = co_await feed_.fresh();
  if (!read.has_value() && !failing) {
    log::warn("control_log_failed", {{"code", info(read.error().code).name}, {"detail", read.error().detail}});
  }
  if (read.has_value() && !reasserts_.empty()) co_await reassert();
}

Task<void> Sessions::reassert() {
  for (std::size_t i = 0; i < kReassertsALook && !reasserts_.empty(); ++i) {
    // Taken out first: while the store is asked another read may begin anew and put another list here.
    RecentEndings::One ending = std::move(reasserts_.front());
    reasserts_.pop_front();
    Result<bool> now = co_await assert_one(ending);
    const bool gone = !now.has_value() && now.error().code == Errc::session_unknown;
    if (!now.has_value() && !gone) {
      reasserts_.push_front(std::move(ending));
      co_return;
    }
    if (!gone && *now) {
      Stats::add(stats_.reasserted);
      metrics::count<"endings_reasserted_total">();
      log::warn("ending_reasserted", {{"sid", ending.sid}, {"user", ending.user_id}});
    }
  }
}

/// Whether the store had lost it.
Task<Result<bool>> Sessions::assert_one(RecentEndings::One ending) {
  if (ending.sid.starts_with(token::kForeignSidPrefix)) {
    Result<void> written = co_await store_.end_foreign(ending.sid, ending.user_id, ending.reason, ending.at);
    if (!written.has_value()) co_return written.error();
    co_return true;
  }
  Result<store::Ended> ended = co_await store_.end_session(ending.sid, ending.reason, ending.at, {});
  if (!ended.has_value()) co_return ended.error();
  co_return ended->now;
}

Task<Result<std::string>> Sessions::answer_control() {
  Result<void> read = co_await feed_.fresh();
  if (!read.has_value()) co_return read.error();
  co_return std::string{};
}

}  // namespace gatecast::session
