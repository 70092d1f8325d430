#include "identity/wallet_fields.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace gatecast::identity {
namespace {

constexpr std::string_view kSchemeEnd = "://";

bool contains(const std::vector<std::string>& list, std::string_view item) {
  return std::ranges::find(list, item) != list.end();
}

// The host of `authority` without its port.
std::string_view host_of(std::string_view authority) {
  const std::size_t from = authority.starts_with('[') ? authority.find(']') : 0;
  if (from == std::string_view::npos) return authority;
  return authority.substr(0, authority.find(':', from));
}

}  // namespace

Result<void> check_domain(std::string_view domain, const std::vector<std::string>& domains) {
  if (contains(domains, domain)) return {};
  return fail(Errc::domain_mismatch, fmt::format("signed for {}", domain.substr(0, 256)));
}

bool is_safe_scheme(std::string_view scheme, std::string_view authority) {
  if (scheme == "https") return true;
  const std::string_view host = host_of(authority);
  return scheme == "http" && (host == "localhost" || host == "127.0.0.1" || host == "[::1]");
}

Result<void> check_uri(std::string_view uri, std::string_view domain, const std::vector<std::string>& origins) {
  const std::size_t scheme_end = uri.find(kSchemeEnd);
  if (scheme_end == std::string_view::npos) return fail(Errc::uri_mismatch, "neither https nor http");
  const std::size_t begin = scheme_end + kSchemeEnd.size();
  const std::size_t end = std::min(uri.find_first_of("/?#", begin), uri.size());
  const std::string_view authority = uri.substr(begin, end - begin);
  if (!is_safe_scheme(uri.substr(0, scheme_end), authority)) {
    return fail(Errc::uri_mismatch, "neither https, nor http on this machine");
  }
  if (authority == domain || contains(origins, uri.substr(0, end))) return {};
  return fail(Errc::uri_mismatch, "origin is neither the domain's nor configured");
}

Result<void> check_version(std::string_view version) {
  if (version != "1") return fail(Errc::version_unsupported, fmt::format("version {}", version.substr(0, 256)));
  return {};
}

Result<void> check_nonce(std::string_view nonce) {
  const bool alnum = std::ranges::all_of(
      nonce, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); });
  if (!alnum || nonce.size() < kMinNonceChars) {
    return fail(Errc::nonce_missing, fmt::format("nonce of {} characters", nonce.size()));
  }
  return {};
}

Result<void> check_times(const std::optional<WallTime>& issued_at, const std::optional<WallTime>& expires_at,
                         const std::optional<WallTime>& not_before, WallTime now) {
  const bool contradictory = expires_at && ((issued_at && *issued_at > *expires_at) ||  //
                                            (not_before && *not_before > *expires_at));
  if (contradictory) return Errc::message_times;
  if (not_before && *not_before > now) return Errc::message_not_yet_valid;
  if (expires_at && *expires_at <= now) return Errc::message_expired;
  if (!issued_at && !expires_at) return fail(Errc::message_stale, "neither Issued At nor Expiration Time");
  // Compared by sums, which cannot overflow: both times have years of four digits.
  if (issued_at && (*issued_at + kIssuedAtTolerance < now || *issued_at > now + kIssuedAtTolerance)) {
    return fail(Errc::message_stale, "Issued At is too far from now");
  }
  return {};
}

}  // namespace gatecast::identity
