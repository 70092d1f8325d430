// The kinds of identities, as they stand in the store, in tokens and in replies.
#pragma once

#include <string_view>

namespace gatecast::session {

inline constexpr std::string_view kChainSolana = "solana";
inline constexpr std::string_view kChainEthereum = "ethereum";
inline constexpr std::string_view kKindTelegram = "telegram";

/// Whether the subject of such an identity is a wallet's address.
inline bool is_wallet_kind(std::string_view kind) { return kind == kChainSolana || kind == kChainEthereum; }

}  // namespace gatecast::session
