// What the sign-in messages of all wallets have in common: the claim they make, and the rules their fields are judged
// by.
//
// Place: under the proof of each chain, which reads the message and judges what only its chain has. Pure; any thread.
// Errors: domain_mismatch, uri_mismatch, version_unsupported, nonce_missing, message_times, message_expired,
// message_not_yet_valid, message_stale.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"

namespace gatecast::identity {

/// What the signed text says, verified. The nonce has the right form; that it was issued here is for the caller to see.
struct WalletClaim {
  std::string address;  // the one form in which the address is stored
  std::string domain;
  std::string nonce;
  std::string statement{}, uri{}, chain_id{}, request_id{};
  std::optional<WallTime> issued_at{}, expires_at{}, not_before{};
};

/// Issued At may differ from our clock by this much; Phantom warns from the same difference on.
inline constexpr std::chrono::minutes kIssuedAtTolerance{10};
inline constexpr std::size_t kMinNonceChars = 8;

/// Exact, with port; an empty list allows nothing.
Result<void> check_domain(std::string_view domain, const std::vector<std::string>& domains);

/// The URI must be https, or http on this machine, and its origin the domain's or one of `origins`
/// (`https://host[:port]`).
Result<void> check_uri(std::string_view uri, std::string_view domain, const std::vector<std::string>& origins);

/// Whether a page of `authority` may have been reached by `scheme`: https anywhere, http on this machine.
bool is_safe_scheme(std::string_view scheme, std::string_view authority);

Result<void> check_version(std::string_view version);

Result<void> check_nonce(std::string_view nonce);

/// `Issued At` or `Expiration Time` must be there, or the message would count for ever.
Result<void> check_times(const std::optional<WallTime>& issued_at, const std::optional<WallTime>& expires_at,
                         const std::optional<WallTime>& not_before, WallTime now);

}  // namespace gatecast::identity
