// Whose notifications a call is about: the bearer's; where compat.unsigned_wallet is on and no token was brought, those
// of the wallet that `x-user-wallet` or `?wallet=` names.
//
// Place: between the routes of /api/user/notifications and sessions, accounts. An address proves nothing, so each such
// call is counted and logged. A token decides alone: a bad one never becomes a wallet's. Threads: the shard's.
#pragma once

#include "server/routes/exchange.hpp"

namespace gatecast::server {

inline constexpr std::string_view kWalletHeader = "x-user-wallet";

/// The user's id; empty: a wallet nobody has signed in with, told like an empty inbox, so that the answer does not say
/// who has an account. Errors: those of bearer; wallet_unproven, field_invalid, address_invalid, user_blocked.
Task<Result<std::string>> notifications_owner(const Exchange& exchange);
/// Whether pages of other origins may send the wallet's header to this path.
bool takes_wallet_header(const Services& services, std::string_view route);

}  // namespace gatecast::server
