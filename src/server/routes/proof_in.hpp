// The proofs that a request's body brings: a wallet's signature, or Telegram's data.
//
// Pure; any thread. Forms only: what a proof says is for session to judge. Errors: field_missing, field_invalid,
// challenge_required (an address alone), initdata_missing, widget_malformed.
#pragma once

#include "server/json/json_in.hpp"
#include "server/routes/exchange.hpp"

namespace gatecast::server {

/// {chain, address, message | signedMessage, signature}
Result<session::Proof> wallet_proof(const JsonIn& body);
/// {initData | widget{…}, bot_id?}
Result<session::Proof> telegram_proof(const JsonIn& body);
/// The same, or {telegram_id, username?, first_name?, last_name?, photo_url?, language_code?, is_premium?}, which
/// proves nothing.
Result<session::Proof> telegram_registration(const JsonIn& body);
/// The member `proof`, of either kind; nothing where it is absent.
Result<std::optional<session::Proof>> confirming_proof(const JsonIn& body);

}  // namespace gatecast::server
