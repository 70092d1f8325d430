// What the store does, as plain functions on a connection.
//
// Place: writing ones are called by the writer inside a savepoint of its transaction, reading ones by the reader, each
// of them one statement and thereby one consistent view. Threads: the connection's. A writing operation that fails may
// have written: the caller undoes its savepoint.
#pragma once

#include <utility>
#include <vector>

#include "adapters/sqlite/database.hpp"
#include "store/store.hpp"

namespace gatecast::sqlite {

/// `now`: the store's clock.
Result<store::SignedIn> sign_in(Database& db, const store::SignIn& request, WallTime now);
Result<store::Renewed> renew(Database& db, const store::Renewal& request, WallTime now);
Result<void> keep(Database& db, const std::vector<std::pair<std::string, std::uint64_t>>& kept);
Result<std::vector<store::SessionRow>> end_sessions(Database& db, const std::string& user_id,
                                                    const std::string& keep_sid, Errc reason, WallTime at,
                                                    const std::string& ip);
/// The oldest standing sessions over `most`, ended by session_limit.
Result<std::vector<store::SessionRow>> end_over_limit(Database& db, const std::string& user_id, std::uint32_t most,
                                                      WallTime now, const std::string& ip);
/// `detail` is the audit row's.
Result<store::Ended> end_session(Database& db, const std::string& sid, Errc reason, WallTime at, const std::string& ip,
                                 const std::string& detail = {});
Result<void> touch(Database& db, const std::vector<std::pair<std::string, WallTime>>& seen);
Result<void> audit(Database& db, const std::vector<store::AuditRow>& rows);
/// Removes at most `limit` nonces and `limit` audit rows.
Result<std::uint64_t> prune(Database& db, WallTime now, WallTime audit_before, std::uint32_t limit);
Result<void> ping(Database& db);

Result<store::SessionView> session(Database& db, const std::string& sid);
Result<std::vector<store::SessionRow>> sessions_of(Database& db, const std::string& user_id, WallTime now);
Result<std::vector<store::ControlRow>> control_log(Database& db, std::uint64_t after, std::uint32_t limit);
Result<std::vector<store::ControlRow>> ended_since(Database& db, WallTime since);

}  // namespace gatecast::sqlite
