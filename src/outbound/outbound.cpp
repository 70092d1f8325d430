#include "outbound/outbound.hpp"

#include <charconv>

namespace gatecast::outbound {
namespace {

constexpr std::size_t kUrlBytesMax = 2048;

Error refuse(std::string_view why) { return fail(Errc::config_invalid, std::string(why)); }

bool digits_up_to(std::string_view text, unsigned max) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && value <= max;
}

/// 127.x.y.z in four decimal parts: other spellings of an address are not taken for loopback.
bool is_loopback_v4(std::string_view host) {
  if (!host.starts_with("127.")) return false;
  for (int part = 0; part < 4; ++part) {
    const std::size_t end = part == 3 ? host.size() : host.find('.');
    if (end == std::string_view::npos || end == 0 || end > 3 || !digits_up_to(host.substr(0, end), 255)) return false;
    host.remove_prefix(std::min(end + 1, host.size()));
  }
  return true;
}

bool is_name(std::string_view host) {
  return !host.empty() && host.size() <= 253 && !host.starts_with('.') &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                  c == '_';
         });
}

bool is_v6(std::string_view host) {
  return !host.empty() && host.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
}

/// Takes "host", "host:port", "[v6]" or "[v6]:port" apart; false where it is none of them.
bool split_authority(std::string_view authority, std::string_view& host, bool& v6) {
  std::string_view port;
  v6 = authority.starts_with('[');
  if (v6) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) return false;
    host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
  } else {
    const std::size_t colon = authority.find(':');
    host = authority.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view{} : authority.substr(colon);
  }
  if (!port.empty() && (port.front() != ':' || !digits_up_to(port.substr(1), 65535))) return false;
  return v6 ? is_v6(host) : is_name(host);
}

}  // namespace

Result<void> check_url(std::string_view url, bool allow_plain) {
  constexpr std::string_view kTls = "https://";
  constexpr std::string_view kPlain = "http://";
  if (url.size() > kUrlBytesMax) return refuse("the URL is longer than 2048 bytes");
  const bool visible = std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 0x7F; });
  if (!visible) return refuse("the URL has blanks, control characters or letters beyond ASCII");
  const bool plain = url.starts_with(kPlain);
  if (!plain && !url.starts_with(kTls)) return refuse("the URL does not begin with https://");
  url.remove_prefix(plain ? kPlain.size() : kTls.size());
  const std::string_view authority = url.substr(0, url.find_first_of("/?#\\"));
  if (authority.find('@') != std::string_view::npos) return refuse("the URL carries credentials");
  std::string_view host;
  bool v6 = false;
  if (!split_authority(authority, host, v6)) return refuse("the URL names no host");
  if (url.find('#') != std::string_view::npos) return refuse("the URL has a fragment");
  if (url.find('\\') != std::string_view::npos) return refuse("the URL has a backslash");
  const bool loopback = v6 ? host == "::1" : host == "localhost" || is_loopback_v4(host);
  if (plain && !loopback && !allow_plain) return refuse("http:// is only for this machine; use https://");
  return {};
}

}  // namespace gatecast::outbound
