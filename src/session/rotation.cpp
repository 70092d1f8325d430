#include "session/rotation.hpp"

#include <algorithm>

namespace gatecast::session {
namespace {

using store::RotationDecision;
using store::RotationRow;

RotationDecision refuse(Errc reason) { return {.kind = RotationDecision::Kind::refuse, .reason = reason}; }

RotationDecision again(const RotationRow& row, std::uint64_t kept_gen) {
  return {.kind = RotationDecision::Kind::repeat, .gen = row.gen, .kept_gen = kept_gen};
}

RotationDecision rotate(const RotationRow& row, std::uint64_t presented, WallTime now, const RotationRules& rules) {
  const WallTime sliding = now + std::chrono::duration_cast<std::chrono::milliseconds>(rules.refresh_ttl);
  return {.kind = RotationDecision::Kind::rotate,
          .gen = presented + 1,
          .kept_gen = presented,
          .expires_at = std::min(std::chrono::floor<std::chrono::seconds>(sliding) + std::chrono::milliseconds{0},
                                 row.absolute_expires_at)};
}

}  // namespace

RotationDecision decide(const RotationRow& row, std::uint64_t presented, WallTime now, const RotationRules& rules) {
  if (row.end_reason.has_value()) return refuse(*row.end_reason);
  if (now >= row.expires_at || now >= row.absolute_expires_at) return refuse(Errc::session_expired);
  if (row.blocked) return refuse(Errc::user_blocked);

  const Duration age = now - row.rotated_at;
  const std::uint64_t kept = std::max(row.kept_gen, std::min(presented, row.gen));
  if (presented == row.gen) return age < rules.grace ? again(row, kept) : rotate(row, presented, now, rules);
  if (presented > row.gen) {
    RotationDecision forward = rotate(row, presented, now, rules);
    forward.audit = kStoreRewound;
    return forward;
  }
  if (presented + 1 == row.gen) {
    if (age < rules.grace) return again(row, kept);
    if (row.kept_gen < row.gen && age < rules.lost_reply_window) {
      RotationDecision repeated = again(row, kept);
      repeated.audit = kRenewalRepeated;
      return repeated;
    }
  }
  return {.kind = RotationDecision::Kind::end, .reason = Errc::refresh_reuse};
}

bool shows_kept(std::int64_t issued, WallTime now, Duration grace) {
  return now - from_unix_seconds(issued) >= grace + std::chrono::milliseconds{999};
}

}  // namespace gatecast::session
