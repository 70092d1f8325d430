// What Sessions does in the background: filling the index, reading the control log, writing what was noted.
#include "core/failpoint.hpp"
#include "core/log.hpp"
#include "session/sessions.hpp"

namespace gatecast::session {
namespace {

void report(std::string_view event, const Error& error) {
  log::warn(event, {{"code", info(error.code).name}, {"detail", error.detail}});
}

}  // namespace

Task<Result<void>> Sessions::load() {
  const WallTime since = clock_.wall() - options_.variants.longest(options_.access_ttl) - kClockSkewMax;
  Result<void> begun = co_await begin_log(false);
  if (begun.has_value() && trusted() != nullptr) begun = co_await recall_foreign();
  if (begun.has_value()) begun = co_await read_control();
  if (!begun.has_value()) co_return begun;
  index_.complete_since(since);
  loaded_ = true;
  feed_.start(*Loop::current());
  settling_.start(*Loop::current());
  if (nodes_ != nullptr) look_.start(*Loop::current());
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

Task<void> Sessions::upkeep() {
  if (nodes_ == nullptr) co_await look();
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
  WallTime now = clock_.wall();
  if (nodes_ != nullptr) {
    // One of them is enough.
    const auto life = std::chrono::duration_cast<std::chrono::milliseconds>(options_.prune_every) * 3 / 4;
    Result<bool> mine = co_await store_.lease("prune", nodes_->all().front().id, life);
    if (!mine.has_value() || !*mine) co_return;
    // What was used up stays known until it is over by every node's clock.
    now -= kClockSkewMax;
  }
  // The control log must reach back as far as any access token does.
  const auto kept = options_.variants.longest(options_.access_ttl) + options_.ended_retention;
  Result<std::uint64_t> pruned = co_await store_.prune(now, now - options_.audit_retention, now - kept);
  if (!pruned.has_value()) report("prune_failed", pruned.error());
}

Task<void> Sessions::drain() {
  co_await look_.stop();
  co_await upkeep_.stop();
  co_await prune_.stop();
  co_await settling_.stop();
  co_await feed_.stop();
  co_await write_notes();
}

}  // namespace gatecast::session
