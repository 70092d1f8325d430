// Columns to rows, alike for every SQL store: the order of columns and the function that reads them, side by side.
//
// Place: inside the adapters. `R` is the adapter's row: text, number, count, flag, time, is_null by column. Each
// function reads its columns starting at `at`; the lists name tables u (users), i (identities), s (sessions), g
// (grants).
#pragma once

#include "store/grants.hpp"
#include "store/store.hpp"

namespace gatecast::store {

inline constexpr int kUserColumnCount = 11;
#define GATECAST_USER_COLUMNS                                                                    \
  "u.id, u.nickname, u.avatar, u.is_creator, u.is_verified, u.blocked, u.ref_code, u.referrer, " \
  "u.session_epoch, u.created_at, u.claims"

inline constexpr int kIdentityColumnCount = 6;
#define GATECAST_IDENTITY_COLUMNS "i.id, i.user_id, i.kind, i.subject, i.profile, i.created_at"

inline constexpr int kSessionColumnCount = 13;
#define GATECAST_SESSION_COLUMNS                                                               \
  "s.sid, s.user_id, s.identity_id, s.how, s.ip, s.user_agent, s.created_at, s.last_seen_at, " \
  "s.expires_at, s.gen, s.absolute_expires_at, s.ended_at, s.end_reason"

/// A session with its user and identity.
inline constexpr int kViewColumnCount = kSessionColumnCount + kUserColumnCount + 3;
#define GATECAST_VIEW_COLUMNS \
  GATECAST_SESSION_COLUMNS ", " GATECAST_USER_COLUMNS ", i.subject, i.kind, coalesce(i.profile, '{}')"

/// The reason of an ending. A name that this program does not know was written by a newer one: the session stays ended.
inline Errc reason_from(const std::string& name) { return errc_from_name(name).value_or(Errc::ended_by_operator); }

template <class R>
UserRow user_from(const R& row, int at) {
  UserRow user;
  user.id = row.text(at);
  user.nickname = row.text(at + 1);
  user.avatar = row.text(at + 2);
  user.is_creator = row.flag(at + 3);
  user.is_verified = row.flag(at + 4);
  user.blocked = row.flag(at + 5);
  user.ref_code = row.text(at + 6);
  if (!row.is_null(at + 7)) user.referrer = row.text(at + 7);
  user.session_epoch = row.count(at + 8);
  user.created_at = row.time(at + 9);
  user.claims = row.text(at + 10);
  return user;
}

template <class R>
IdentityRow identity_from(const R& row, int at) {
  return {.id = row.text(at),
          .user_id = row.text(at + 1),
          .kind = row.text(at + 2),
          .subject = row.text(at + 3),
          .profile = row.text(at + 4),
          .created_at = row.time(at + 5)};
}

template <class R>
SessionRow session_from(const R& row, int at) {
  SessionRow session;
  session.sid = row.text(at);
  session.user_id = row.text(at + 1);
  session.identity_id = row.text(at + 2);
  session.how = row.text(at + 3);
  session.ip = row.text(at + 4);
  session.user_agent = row.text(at + 5);
  session.created_at = row.time(at + 6);
  session.last_seen_at = row.time(at + 7);
  session.expires_at = row.time(at + 8);
  session.gen = row.count(at + 9);
  session.absolute_expires_at = row.time(at + 10);
  if (!row.is_null(at + 11)) {
    session.ended_at = row.time(at + 11);
    session.end_reason = reason_from(row.text(at + 12));
  }
  return session;
}

template <class R>
SessionView view_from(const R& row) {
  constexpr int kIdentity = kSessionColumnCount + kUserColumnCount;
  return {.session = session_from(row, 0),
          .user = user_from(row, kSessionColumnCount),
          .subject = row.text(kIdentity),
          .kind = row.text(kIdentity + 1),
          .profile = row.text(kIdentity + 2)};
}

#define GATECAST_GRANT_COLUMNS "g.id, g.user_id, g.resource, g.key, g.state, g.from_at, g.until_at, g.meta"

template <class R>
GrantRow grant_from(const R& row, int at) {
  GrantRow grant{.id = row.text(at), .user_id = row.text(at + 1), .resource = row.text(at + 2)};
  grant.key = row.text(at + 3);
  grant.state = static_cast<GrantState>(row.number(at + 4));
  grant.from = row.time(at + 5);
  if (!row.is_null(at + 6)) grant.until = row.time(at + 6);
  grant.meta = row.text(at + 7);
  return grant;
}

#define GATECAST_CONTROL_COLUMNS "seq, kind, subject, user_id, reason, at"

template <class R>
ControlRow control_from(const R& row) {
  return {.seq = row.count(0),
          .kind = row.text(1),
          .subject = row.text(2),
          .user_id = row.text(3),
          .reason = reason_from(row.text(4)),
          .at = row.time(5)};
}

/// seq, at, kind, user_id, sid, ip, code, detail, count: each store has a name of its own for the first.
template <class R>
AuditRow audit_from(const R& row) {
  return {.at = row.time(1),
          .kind = row.text(2),
          .user_id = row.text(3),
          .sid = row.text(4),
          .ip = row.text(5),
          .code = row.text(6),
          .detail = row.text(7),
          .count = row.count(8),
          .seq = row.count(0)};
}

}  // namespace gatecast::store
