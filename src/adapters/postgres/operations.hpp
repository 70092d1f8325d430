// What the store does, as coroutines on the store's thread.
//
// Place: called by PostgresStore through Engine::submit. Requests are the awaiting coroutine's and outlive the call.
// Errors: those of store::Store. `landed` of a request is called after COMMIT, on this thread; two of one user take
// turns (Engine::turns), so that they are told in the order of the commits.
#pragma once

#include "adapters/postgres/transaction.hpp"
#include "store/store.hpp"

namespace gatecast::postgres {

// Sign-ins and renewals.
Task<Result<store::SignedIn>> sign_in(Op op, const store::SignIn& request);
Task<Result<store::Renewed>> renew(Op op, const store::Renewal& request);
Task<Result<void>> keep(Op op, const std::vector<std::pair<std::string, std::uint64_t>>& kept);
Task<Result<void>> consume(Op op, const std::string& nonce, WallTime expires);

// Sessions.
Task<Result<store::SessionView>> session(Op op, const std::string& sid);
Task<Result<std::vector<store::SessionRow>>> sessions_of(Op op, const std::string& user_id, WallTime now);
Task<Result<std::vector<store::SessionRow>>> end_sessions(Op op, const std::string& user_id,
                                                          const std::string& keep_sid, Errc reason, WallTime at,
                                                          const std::string& ip);
Task<Result<store::Ended>> end_session(Op op, const std::string& sid, Errc reason, WallTime at, const std::string& ip);
Task<Result<void>> end_foreign(Op op, const std::string& sid, const std::string& user_id, Errc reason, WallTime at);
Task<Result<void>> touch(Op op, const std::vector<std::pair<std::string, WallTime>>& seen);
Task<Result<std::vector<store::ControlRow>>> control_log(Op op, std::uint64_t after, std::uint32_t limit);
Task<Result<std::vector<store::ControlRow>>> ended_since(Op op, WallTime since);

// Users and identities.
Task<Result<store::UserView>> user(Op op, const std::string& user_id);
Task<Result<store::UserView>> user_of(Op op, const std::string& kind, const std::string& subject);
Task<Result<std::vector<store::UserView>>> users(Op op, const std::string& after, std::uint32_t limit);
Task<Result<std::vector<store::UserChanged>>> upsert_users(Op op, const std::vector<store::UserChange>& changes,
                                                           WallTime at, bool dry_run);
Task<Result<store::Blocked>> block_user(Op op, const std::string& user_id, bool blocked, WallTime at,
                                        const std::string& ip, const std::string& actor);
Task<Result<std::vector<store::SessionRow>>> delete_user(Op op, const std::string& user_id, WallTime at,
                                                         const std::string& actor);
Task<Result<store::Linked>> link(Op op, const store::Link& request);
Task<Result<store::Unlinked>> unlink(Op op, const std::string& user_id, const std::string& identity_id, WallTime at,
                                     const std::string& ip);

// Grants.
Task<Result<store::GrantAdded>> add_grant(Op op, const store::GrantAdd& request);
Task<Result<store::GrantsRemoved>> remove_grants(Op op, const store::GrantRemove& request);
Task<Result<std::vector<store::UserGrants>>> grants_of(Op op, const std::vector<std::string>& user_ids);
Task<Result<store::GrantsSwept>> sweep_grants(Op op, std::uint32_t limit, const store::GrantsLanded& landed);

// Notifications.
Task<Result<std::vector<store::Notified>>> notify(Op op, const store::Notify& request);
Task<Result<store::NotificationPage>> notifications(Op op, const store::NotificationQuery& query);
Task<Result<store::NotificationsChanged>> read_notifications(Op op, const std::string& user_id,
                                                             const store::NotificationChoice& choice, WallTime at);
Task<Result<store::NotificationsChanged>> remove_notifications(Op op, const std::string& user_id,
                                                               const store::NotificationChoice& choice);
Task<Result<std::uint64_t>> prune_notifications(Op op, WallTime before, std::uint32_t limit);

// The audit log and upkeep.
Task<Result<void>> audit(Op op, const std::vector<store::AuditRow>& rows);
Task<Result<std::vector<store::AuditRow>>> audit_log(Op op, const store::AuditQuery& query);
/// `swept_to`: how far the sessions have been looked through for expired ones; moved on.
Task<Result<std::uint64_t>> prune(Op op, WallTime now, WallTime audit_before, WallTime ended_before,
                                  std::atomic<std::int64_t>& swept_to);
Task<Result<std::uint64_t>> position(Op op, const std::string& name);
Task<Result<void>> set_position(Op op, const std::string& name, std::uint64_t seq);
Task<Result<bool>> lease(Op op, const std::string& name, const std::string& holder, std::chrono::milliseconds ttl);
Task<Result<std::string>> history(Op op);
Task<Result<std::optional<WallTime>>> restored_at(Op op);
Task<Result<void>> ping(Op op);

}  // namespace gatecast::postgres
