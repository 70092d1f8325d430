// Columns to rows: the order of columns and the function that reads them, side by side.
//
// Place: inside adapters/postgres. Each function reads its columns starting at `at`. Tables are always named with their
// schema: no search path is relied on.
#pragma once

#include "adapters/postgres/rows.hpp"
#include "store/store.hpp"

namespace gatecast::postgres {

inline constexpr int kUserColumnCount = 11;
#define GATECAST_PG_USER_COLUMNS                                                                 \
  "u.id, u.nickname, u.avatar, u.is_creator, u.is_verified, u.blocked, u.ref_code, u.referrer, " \
  "u.session_epoch, u.created_at, u.claims"

inline constexpr int kIdentityColumnCount = 6;
#define GATECAST_PG_IDENTITY_COLUMNS "i.id, i.user_id, i.kind, i.subject, i.profile, i.created_at"

inline constexpr int kSessionColumnCount = 13;
#define GATECAST_PG_SESSION_COLUMNS                                                            \
  "s.sid, s.user_id, s.identity_id, s.how, s.ip, s.user_agent, s.created_at, s.last_seen_at, " \
  "s.expires_at, s.gen, s.absolute_expires_at, s.ended_at, s.end_reason"

/// The reason of an ending. A name that this program does not know was written by a newer one: the session stays ended.
inline Errc reason_from(const std::string& name) { return errc_from_name(name).value_or(Errc::ended_by_operator); }

inline store::UserRow user_from(const Row& row, int at) {
  store::UserRow user;
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

inline store::IdentityRow identity_from(const Row& row, int at) {
  return {.id = row.text(at),
          .user_id = row.text(at + 1),
          .kind = row.text(at + 2),
          .subject = row.text(at + 3),
          .profile = row.text(at + 4),
          .created_at = row.time(at + 5)};
}

inline store::SessionRow session_from(const Row& row, int at) {
  store::SessionRow session;
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

/// A session with its user and identity: columns and tables, to be followed by WHERE.
#define GATECAST_PG_VIEW_COLUMNS \
  GATECAST_PG_SESSION_COLUMNS ", " GATECAST_PG_USER_COLUMNS ", i.subject, i.kind, coalesce(i.profile, '{}')"
#define GATECAST_PG_VIEW_TABLES                                    \
  " gatecast.sessions s JOIN gatecast.users u ON u.id = s.user_id" \
  " LEFT JOIN gatecast.identities i ON i.user_id = s.user_id AND i.id = s.identity_id"
inline constexpr int kViewColumnCount = kSessionColumnCount + kUserColumnCount + 3;

inline store::SessionView view_from(const Row& row) {
  constexpr int kIdentity = kSessionColumnCount + kUserColumnCount;
  return {.session = session_from(row, 0),
          .user = user_from(row, kSessionColumnCount),
          .subject = row.text(kIdentity),
          .kind = row.text(kIdentity + 1),
          .profile = row.text(kIdentity + 2)};
}

}  // namespace gatecast::postgres
