// The statement that ends sessions: their rows, control rows and audit rows at once.
//
// Place: in operations' constants, as the last statement of a transaction: the control log is numbered under one lock,
// held until the commit, so that its order is the commits' order. `choose` is a query of sids, `AS chosen(sid)`; its
// values begin with $6. Before them: $1 when, $2 the reason's name, $3 the audit rows' kind, $4 address, $5 detail –
// see ending_values(). Answers, the oldest session first: session columns, then the control row's seq.
// Who ends all of a user's sessions writes the user's row first (session_epoch): sign-ins hold it shared.
#pragma once

#include "adapters/postgres/columns.hpp"
#include "adapters/postgres/statement.hpp"

// Rows are locked in the order of sids, as `touch` and `keep` do: nobody waits in a ring.
#define GATECAST_PG_END(choose)                                                                                        \
  "WITH chosen(sid) AS (" choose                                                                                       \
  "), locked AS (SELECT s.sid FROM gatecast.sessions s WHERE s.sid IN (SELECT sid FROM chosen) AND s.ended_at IS NULL" \
  " ORDER BY s.sid FOR NO KEY UPDATE"                                                                                  \
  "), ended AS (UPDATE gatecast.sessions s SET ended_at = $1, end_reason = $2 FROM locked l"                           \
  " WHERE s.sid = l.sid AND s.ended_at IS NULL RETURNING " GATECAST_SESSION_COLUMNS                                    \
  ", s.made), logged AS (INSERT INTO gatecast.control_log (kind, subject, user_id, reason, at)"                        \
  " SELECT 'session_ended', s.sid, s.user_id, $2, $1 FROM ended s ORDER BY s.created_at, s.made"                       \
  " RETURNING seq, subject), noted AS (INSERT INTO gatecast.audit (at, kind, user_id, sid, ip, code, detail, count)"   \
  " SELECT $1, $3, s.user_id, s.sid, $4, $2, $5, 1 FROM ended s ORDER BY s.created_at, s.made)"                        \
  " SELECT " GATECAST_SESSION_COLUMNS                                                                                  \
  ", c.seq FROM ended s JOIN logged c ON c.subject = s.sid ORDER BY s.created_at, s.made"

/// Those of the user $6 that stand, but for the session $7 (empty: none is kept).
#define GATECAST_PG_END_OF_USER \
  GATECAST_PG_END("SELECT sid FROM gatecast.sessions WHERE user_id = $6 AND ended_at IS NULL AND sid <> $7")
/// Those made with the identity $7 of the user $6.
#define GATECAST_PG_END_OF_IDENTITY \
  GATECAST_PG_END("SELECT sid FROM gatecast.sessions WHERE user_id = $6 AND ended_at IS NULL AND identity_id = $7")

namespace gatecast::postgres {

/// The audit kind under which an ending is filed; its reason stands in `code`.
inline std::string_view ending_kind(Errc reason) {
  switch (reason) {
    case Errc::signed_out: return "signout";
    case Errc::ended_by_operator:
    case Errc::user_blocked: return "operator";
    default: return "ended";
  }
}

/// $1 to $5 of GATECAST_PG_END, and `more` from $6 on.
template <class... Ts>
void put_end(Batch& batch, const Statement& statement, Errc reason, WallTime at, std::string_view ip,
             std::string_view detail, const Ts&... more) {
  batch.add(statement, at, std::string_view(info(reason).name), ending_kind(reason), ip, detail, more...);
}

inline std::vector<store::SessionRow> ended_from(const Rows& rows) {
  return collect(rows, [](const Row& row) { return session_from(row, 0); });
}

/// Raises the user's session_epoch ($1), which waits for the sign-ins under way.
inline constexpr Statement kRaiseEpoch{"users.raise_epoch",
                                       "UPDATE gatecast.users SET session_epoch = session_epoch + 1 WHERE id = $1"};
inline constexpr Statement kEndOfUser{"sessions.end_of_user", GATECAST_PG_END_OF_USER};
inline constexpr Statement kEndOfIdentity{"sessions.end_of_identity", GATECAST_PG_END_OF_IDENTITY};

/// Adds an audit row: when, kind, user, sid, address, code, detail.
inline constexpr Statement kAudit{"audit.add",
                                  "INSERT INTO gatecast.audit (at, kind, user_id, sid, ip, code, detail, count)"
                                  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"};
inline void put_audit(Batch& batch, const store::AuditRow& row) {
  batch.add(kAudit, row.at, row.kind, row.user_id, row.sid, row.ip, row.code, row.detail, row.count);
}

/// Makes a user; where the code is missing or taken another is made. Answers: the code. Constraints: users_id,
/// users_ref_code (another took it just now: the transaction is repeated).
inline constexpr Statement kInsertUser{
    "users.add",
    "INSERT INTO gatecast.users (id, nickname, avatar, is_creator, is_verified, blocked, ref_code, referrer,"
    " session_epoch, created_at, claims) VALUES ($1, $2, $3, $4, $5, $6,"
    " CASE WHEN $7 = '' OR EXISTS (SELECT 1 FROM gatecast.users WHERE ref_code = $7)"
    " THEN substr(md5(random()::text || clock_timestamp()::text), 1, 8) ELSE $7 END,"
    " $8, $9, $10, $11) RETURNING ref_code"};
inline std::size_t put_user(Batch& batch, const store::UserRow& user) {
  return batch.put(kInsertUser, user.id, user.nickname, user.avatar, user.is_creator, user.is_verified, user.blocked,
                   user.ref_code, user.referrer, user.session_epoch, user.created_at, user.claims);
}

/// Makes an identity. Constraint: identities_subject (another user has it).
inline constexpr Statement kInsertIdentity{"identities.add",
                                           "INSERT INTO gatecast.identities (id, user_id, kind, subject, profile, "
                                           "created_at) VALUES ($1, $2, $3, $4, $5, $6)"};
inline void put_identity(Batch& batch, const store::IdentityRow& identity) {
  batch.add(kInsertIdentity, identity.id, identity.user_id, identity.kind, identity.subject,
            identity.profile.empty() ? std::string("{}") : identity.profile, identity.created_at);
}

/// Uses a nonce up. Constraint: used_nonces_nonce.
inline constexpr Statement kUseNonce{"nonces.use",
                                     "INSERT INTO gatecast.used_nonces (nonce, expires, sid, used_at)"
                                     " VALUES ($1, $2, $3, $4)"};

}  // namespace gatecast::postgres
