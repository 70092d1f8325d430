// What Sessions does in the background: filling the index, reading the control log, writing what was noted.
#include "core/failpoint.hpp"
#include "core/log.hpp"
#include "session/sessions.hpp"

namespace gatecast::session {
namespace {

constexpr std::string_view kSessionEnded = "session_ended";

void report(std::string_view event, const Error& error) {
  log::warn(event, {{"code", info(error.code).name}, {"detail", error.detail}});
}

}  // namespace

Task<Result<void>> Sessions::load() {
  // The place in the log first, then the endings: what is committed in between is read again, never skipped.
  Result<void> placed = co_await control_.start();
  if (!placed.has_value()) co_return placed;
  Result<std::optional<WallTime>> restored = co_await store_.restored_at();
  if (!restored.has_value()) co_return restored.error();
  restored_ms_.store(restored->has_value() ? unix_ms(**restored) : 0, std::memory_order_release);
  const WallTime since = clock_.wall() - options_.variants.longest(options_.access_ttl) - kClockSkewMax;
  Result<std::vector<store::ControlRow>> ended = co_await store_.ended_since(since);
  if (!ended.has_value()) co_return ended.error();
  for (const store::ControlRow& row : *ended) learn({row.subject, row.user_id, row.reason}, row.at);
  Result<void> read = co_await read_control(false);
  if (!read.has_value()) co_return read;
  index_.complete_since(since);
  upkeep_.start(*Loop::current());
  prune_.start(*Loop::current());
  co_return Result<void>{};
}

bool Sessions::remembered(WallTime made_at) const {
  return unix_ms(made_at) >= restored_ms_.load(std::memory_order_acquire);
}

Result<Proven> Sessions::remembered(Result<Proven> proven) const {
  if (!proven.has_value() || remembered(proven->made_at)) return proven;
  const bool telegram = proven->replayed == Errc::initdata_replayed;
  return fail(telegram ? Errc::initdata_expired : Errc::nonce_expired, "made before the data was restored");
}

Task<Result<void>> Sessions::read_control(bool telling) {
  const SteadyTime began = clock_.steady();
  Result<void> read = co_await control_.read([this, telling](const store::ControlRow& row) {
    if (row.kind != kSessionEnded) return;
    const Ending ending{row.subject, row.user_id, row.reason};
    Stats::add(stats_.control_rows);
    // An ending made here is known already. One so old that its tokens are dead still closes what is open.
    if (learn(ending, row.at) != RevocationIndex::Added::known && telling) tell(ending);
  });
  if (read.has_value()) {
    in_touch_ns_.store(began.time_since_epoch().count(), std::memory_order_release);
  } else {
    Stats::add(stats_.control_failures);
  }
  co_return read;
}

Task<void> Sessions::upkeep() {
  Result<void> read = co_await read_control(true);
  if (!read.has_value()) report("control_log_failed", read.error());
  index_.reclaim(clock_.wall());
  foreign_.reclaim(clock_.wall());
  co_await write_notes();
}

Task<void> Sessions::write_notes() {
  GATECAST_FAILPOINT("session.notes_pending");
  const LastSeen::Seen seen = last_seen_.take();
  if (!seen.empty()) {
    Result<void> written = co_await store_.touch(seen);
    if (!written.has_value()) {
      report("last_seen_failed", written.error());
      last_seen_.put_back(seen);
    }
  }
  const KeptNotes::Kept kept = kept_.pending();
  if (!kept.empty()) {
    Result<void> written = co_await store_.keep(kept);
    if (written.has_value()) {
      kept_.forget(kept);
    } else {
      report("kept_failed", written.error());
    }
  }
  const std::vector<store::AuditRow> rows = refusals_.take();
  if (!rows.empty()) {
    Result<void> written = co_await store_.audit(rows);
    if (!written.has_value()) {
      report("audit_failed", written.error());
      refusals_.put_back(rows);
    }
  }
  GATECAST_FAILPOINT("session.notes_written");
}

Task<void> Sessions::prune() {
  const WallTime now = clock_.wall();
  // The control log must reach back as far as any access token does.
  const auto kept = options_.variants.longest(options_.access_ttl) + options_.ended_retention;
  Result<std::uint64_t> pruned = co_await store_.prune(now, now - options_.audit_retention, now - kept);
  if (!pruned.has_value()) report("prune_failed", pruned.error());
}

Task<void> Sessions::drain() {
  co_await upkeep_.stop();
  co_await prune_.stop();
  co_await write_notes();
}

}  // namespace gatecast::session
