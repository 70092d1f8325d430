// What becomes of a refresh token that is presented: the table of ARCHITECTURE.md, "Refresh rotation".
//
// Place: Sessions hands it to the store, which applies it to the row in its transaction; tests run it without a store.
// Pure; any thread. Times are the store's clock; a clock set back makes a rotation look young, never a session copied.
#pragma once

#include "store/rows.hpp"

namespace gatecast::session {

struct RotationRules {
  Duration grace = std::chrono::seconds{30};
  Duration lost_reply_window = std::chrono::hours{24};
  Duration refresh_ttl = std::chrono::days{30};
};

/// Audit kinds of rows 5 and 6.
inline constexpr std::string_view kRenewalRepeated = "renewal_repeated";
inline constexpr std::string_view kStoreRewound = "store_rewound";

/// Mac and secret of the token are good; `presented` is its generation.
store::RotationDecision decide(const store::RotationRow& row, std::uint64_t presented, WallTime now,
                               const RotationRules& rules);

/// Whether an access token issued at `issued` (its iat, which is cut to the second) and seen at `now` shows that its
/// generation is kept: only then has the client surely got what was issued with it.
bool shows_kept(std::int64_t issued, WallTime now, Duration grace);

}  // namespace gatecast::session
