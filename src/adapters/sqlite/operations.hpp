// What the store does, as plain functions on a connection.
//
// Place: writing ones are called by the writer inside a savepoint of its transaction, reading ones by the reader, each
// of them one statement and thereby one consistent view. Threads: the connection's. A writing operation that fails may
// have written: the caller undoes its savepoint.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "adapters/sqlite/database.hpp"
#include "store/store.hpp"

namespace gatecast::sqlite {

// Sign-ins and renewals. `now`: the store's clock.
Result<store::SignedIn> sign_in(Database& db, const store::SignIn& request, WallTime now);
Result<store::Renewed> renew(Database& db, const store::Renewal& request, WallTime now);
Result<void> keep(Database& db, const std::vector<std::pair<std::string, std::uint64_t>>& kept);
/// Error: nonce_used.
Result<void> consume(Database& db, const std::string& nonce, WallTime expires, WallTime now);

// Sessions.
Result<store::SessionView> session(Database& db, const std::string& sid);
Result<std::vector<store::SessionRow>> sessions_of(Database& db, const std::string& user_id, WallTime now);
Result<std::vector<store::SessionRow>> end_sessions(Database& db, const std::string& user_id,
                                                    const std::string& keep_sid, Errc reason, WallTime at,
                                                    const std::string& ip);
/// Those made with the identity, by identity_unlinked.
Result<std::vector<store::SessionRow>> end_sessions_of_identity(Database& db, const store::IdentityRow& identity,
                                                                WallTime at, const std::string& ip);
/// The oldest standing sessions over `most`, ended by session_limit.
Result<std::vector<store::SessionRow>> end_over_limit(Database& db, const std::string& user_id, std::uint32_t most,
                                                      WallTime now, const std::string& ip);
/// `detail` is the audit row's.
Result<store::Ended> end_session(Database& db, const std::string& sid, Errc reason, WallTime at, const std::string& ip,
                                 const std::string& detail = {});
Result<void> end_foreign(Database& db, const std::string& sid, const std::string& user_id, Errc reason, WallTime at);
Result<void> touch(Database& db, const std::vector<std::pair<std::string, WallTime>>& seen);
Result<std::vector<store::ControlRow>> control_log(Database& db, std::uint64_t after, std::uint32_t limit);
Result<std::vector<store::ControlRow>> ended_since(Database& db, WallTime since);

// Users.
Result<std::optional<store::UserRow>> find_user(Database& db, const std::string& user_id);
/// Where the code of `user` is missing or taken, another is made and written into it.
Result<void> insert_user(Database& db, store::UserRow& user);
Result<store::UserView> user(Database& db, const std::string& user_id);
Result<store::UserView> user_of(Database& db, const std::string& kind, const std::string& subject);
Result<std::vector<store::UserView>> users(Database& db, const std::string& after, std::uint32_t limit);
Result<store::Blocked> block_user(Database& db, const std::string& user_id, bool blocked, WallTime at,
                                  const std::string& ip, const std::string& actor);
/// Of the audit rows, what is personal is removed after `forgotten_to` only.
/// Whether there are grants or notifications of the user, as a trusted issuer's user may have without a row in users.
Result<bool> has_affairs(Database& db, const std::string& user_id);
Result<std::vector<store::SessionRow>> delete_user(Database& db, const std::string& user_id, std::uint64_t forgotten_to,
                                                   WallTime at, const std::string& actor);
/// With `dry_run`, undone again.
Result<std::vector<store::UserChanged>> upsert_users(Database& db, std::span<const store::UserChange> changes,
                                                     WallTime at, bool dry_run);

// Identities.
Result<void> insert_identity(Database& db, const store::IdentityRow& identity);
Result<std::optional<store::IdentityRow>> find_identity(Database& db, const std::string& kind,
                                                        const std::string& subject);
/// Whether it may be added to its user: the user's own row where that has it already. Errors: identity_taken,
/// identity_limit.
Result<std::optional<store::IdentityRow>> may_add(Database& db, const store::IdentityRow& identity);
/// Adds it to its user, with an audit row "linked" that has time, session and address of `why`.
Result<store::IdentityRow> add_identity(Database& db, store::IdentityRow identity, const store::AuditRow& why);
/// Writes what the proof said where it says something else: `known` is the row as it stands.
Result<void> note_profile(Database& db, store::IdentityRow& known, const std::string& profile);
Result<store::Linked> link(Database& db, const store::Link& request, WallTime now);
Result<store::Unlinked> unlink(Database& db, const std::string& user_id, const std::string& identity_id, WallTime at,
                               const std::string& ip);
/// How an identity is named in the audit log.
std::string audit_name(const store::IdentityRow& identity);

// The audit log.
Result<void> audit(Database& db, const std::vector<store::AuditRow>& rows);
/// A part of the log: the rows asked for among those read.
struct AuditPart {
  std::vector<store::AuditRow> rows;
  std::uint64_t read_to = 0;  // seq of the last row read
  bool end = false;           // there are no more rows beyond it
};
/// Reads `scan` rows at most, and no further than `query.limit` rows found.
Result<AuditPart> audit_part(Database& db, const store::AuditQuery& query, std::uint32_t scan);
/// Removes address and detail.
Result<void> forget_audit(Database& db, const std::vector<std::uint64_t>& seqs);

// Grants. `now`: the store's clock.
Result<store::GrantAdded> add_grant(Database& db, const store::GrantAdd& request, WallTime now);
struct GrantsGone {
  store::GrantsRemoved result{};
  std::vector<store::GrantChange> changes{};
};
Result<GrantsGone> remove_grants(Database& db, const store::GrantRemove& request, WallTime now);
Result<std::vector<store::UserGrants>> grants_of(Database& db, const std::vector<std::string>& user_ids);
struct SweptGrants {
  store::GrantsSwept result{};
  std::vector<store::GrantChange> changes{};
};
Result<SweptGrants> sweep_grants(Database& db, std::uint32_t limit, WallTime now);
/// Grants and version of a user.
Result<void> forget_grants(Database& db, const std::string& user_id);
/// Removes at most `limit` grants that were over before then.
Result<std::uint64_t> prune_grants(Database& db, WallTime before, std::uint32_t limit);

// Notifications.
Result<std::vector<store::Notified>> notify(Database& db, const store::Notify& request);
Result<store::NotificationPage> notifications(Database& db, const store::NotificationQuery& query);
Result<store::NotificationsChanged> read_notifications(Database& db, const std::string& user_id,
                                                       const store::NotificationChoice& choice, WallTime at);
Result<store::NotificationsChanged> remove_notifications(Database& db, const std::string& user_id,
                                                         const store::NotificationChoice& choice);
Result<std::uint64_t> prune_notifications(Database& db, WallTime before, std::uint32_t limit);
/// All that is a user's: notifications, the inbox's counts, keys.
Result<void> forget_notifications(Database& db, const std::string& user_id);

// Upkeep.
/// Removes at most `limit` nonces, `limit` audit rows and `limit` control rows with their sessions.
Result<std::uint64_t> prune(Database& db, WallTime now, WallTime audit_before, WallTime ended_before,
                            std::uint32_t limit);
/// A part of the sessions: those that expired before `before` and have not ended, among `scan` rows beyond `after`.
struct ExpiredPart {
  std::vector<std::string> sids;
  std::int64_t read_to = 0;  // 0: the end was reached
};
Result<ExpiredPart> expired_part(Database& db, std::int64_t after, WallTime before, std::uint32_t scan);
Result<std::uint64_t> remove_expired(Database& db, const std::vector<std::string>& sids, WallTime before);
Result<std::uint64_t> position(Database& db, const std::string& name);
Result<void> set_position(Database& db, const std::string& name, std::uint64_t seq);
Result<bool> lease(Database& db, const std::string& name, const std::string& holder, std::chrono::milliseconds ttl,
                   WallTime now);
Result<std::optional<WallTime>> restored_at(Database& db);
Result<void> ping(Database& db);

}  // namespace gatecast::sqlite
