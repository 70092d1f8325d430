#include "ws/handshake.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "core/text_form.hpp"

namespace gatecast::ws {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 §1.3
constexpr std::size_t kNonceBytes = 16;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view s) {
  const auto begin = s.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return s.substr(begin, s.find_last_not_of(" \t") - begin + 1);
}

/// Calls `visit` with every element of a comma-separated list that is not empty, until it returns true.
template <class Visit>
bool any_element(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    const auto element = trim(list.substr(0, comma));
    if (!element.empty() && visit(element)) return true;
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
  return false;
}

bool has_token(std::string_view list, std::string_view token) {
  return any_element(list, [token](std::string_view e) { return same(e, token); });
}

}  // namespace

std::string accept_key(std::string_view key) {
  std::string text(key);
  text += kGuid;
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  // The message is bytes; OpenSSL types them unsigned.
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return base64_encode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

Result<Accepted> accept_upgrade(const UpgradeRequest& request, std::span<const std::string_view> supported) {
  if (request.method != "GET") return fail(Errc::upgrade_required, "method is not GET");
  if (!request.http_1_1) return fail(Errc::upgrade_required, "HTTP/1.0 cannot upgrade");
  if (!has_token(request.upgrade, "websocket")) return fail(Errc::upgrade_required, "Upgrade does not name websocket");
  if (!has_token(request.connection, "upgrade"))
    return fail(Errc::upgrade_required, "Connection does not name Upgrade");
  if (request.has_body) return fail(Errc::http_malformed, "upgrade request with a body");
  if (trim(request.version) != "13") return fail(Errc::websocket_version, "Sec-WebSocket-Version is not 13");
  const auto key = trim(request.key);
  const auto nonce = base64_decode(key);
  if (!nonce || nonce->size() != kNonceBytes) return fail(Errc::websocket_key, "key is not the base64 of 16 bytes");

  Accepted accepted{accept_key(key), {}};
  any_element(request.protocols, [&](std::string_view offered) {
    // Sub-protocol names are compared with case (RFC 6455 §4.1 item 10 calls for unique strings, not tokens).
    if (std::ranges::find(supported, offered) == supported.end()) return false;
    accepted.protocol = offered;
    return true;
  });
  return accepted;
}

std::string switching_protocols(const Accepted& accepted, std::string_view extensions) {
  std::string out =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
  out += accepted.accept;
  if (!accepted.protocol.empty()) out.append("\r\nSec-WebSocket-Protocol: ").append(accepted.protocol);
  if (!extensions.empty()) out.append("\r\nSec-WebSocket-Extensions: ").append(extensions);
  return out += "\r\n\r\n";
}

}  // namespace gatecast::ws
