// Statements on users, identities, grants and notifications that are part of several operations.
//
// Place: put into their batches. Threads: the store's loop.
#pragma once

#include "adapters/postgres/columns.hpp"
#include "adapters/postgres/statement.hpp"

namespace gatecast::postgres {

/// All that is a user's: notifications, the inbox's counts, keys.
void put_forget_notifications(Batch& batch, const std::string& user_id);
/// Grants and version of a user.
void put_forget_grants(Batch& batch, const std::string& user_id);

/// How an identity is named in the audit log.
inline std::string audit_name(const store::IdentityRow& identity) {
  return fmt::format("{} {}", identity.kind, identity.subject);
}
/// The identity of a kind and subject, if there is one: columns as identity_from reads them.
inline constexpr Statement kFindIdentity{"identities.find", "SELECT " GATECAST_IDENTITY_COLUMNS
                                                            " FROM gatecast.identities i"
                                                            " WHERE i.kind = $1 AND i.subject = $2"};
inline constexpr Statement kCountIdentities{"identities.count",
                                            "SELECT count(*) FROM gatecast.identities WHERE user_id = $1"};
/// Writes what a proof said beside the identity.
inline constexpr Statement kNoteProfile{"identities.profile",
                                        "UPDATE gatecast.identities SET profile = $3 WHERE kind = $1 AND subject = $2"};
/// The user's row, held against other changes of it until the end; users who sign in wait.
inline constexpr Statement kHoldUser{
    "users.hold", "SELECT " GATECAST_USER_COLUMNS " FROM gatecast.users u WHERE u.id = $1 FOR NO KEY UPDATE"};

}  // namespace gatecast::postgres
