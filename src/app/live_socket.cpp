// The client's side of a WebSocket (RFC 6455) on a connection that libcurl made: the server's codec is the other
// side's.
#include <poll.h>

#include <charconv>

#include "app/live_curl.hpp"
#include "core/text_form.hpp"
#include "crypto/random.hpp"
#include "ws/handshake.hpp"

namespace gatecast::app {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kHeadMax = 64 * 1024;
constexpr std::size_t kFrameMax = std::size_t{1} << 20;
constexpr unsigned kText = 1, kClose = 8, kPing = 9, kPong = 10, kContinuation = 0;

/// "app.example:8443" and "/base" of the URL.
std::pair<std::string, std::string> parts_of(std::string_view url) {
  const auto start = url.find("://");
  if (start != std::string_view::npos) url.remove_prefix(start + 3);
  const auto slash = std::min(url.find('/'), url.size());
  return {std::string(url.substr(0, slash)), std::string(url.substr(slash))};
}

}  // namespace

/// The connection, and what was read of it and not yet taken.
struct LiveSocket::Wire {
  CURL* handle = curl_easy_init();
  Place place{};
  char error[CURL_ERROR_SIZE] = {};
  std::string input{};
  std::string message{};  // of fragments
  bool ended = false;

  Wire() = default;
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() { curl_easy_cleanup(handle); }

  bool wait(short events, SteadyTime until) const {
    curl_socket_t fd = CURL_SOCKET_BAD;
    curl_easy_getinfo(handle, CURLINFO_ACTIVESOCKET, &fd);
    const auto left = std::chrono::ceil<milliseconds>(until - SystemClock{}.steady()).count();
    if (fd == CURL_SOCKET_BAD || left <= 0) return false;
    pollfd entry{fd, events, 0};
    return ::poll(&entry, 1, static_cast<int>(left)) > 0;
  }
  /// Reads what there is, and waits for it until then; false: nothing came, or the connection has ended.
  bool read(SteadyTime until) {
    char buffer[16384];
    for (;;) {
      std::size_t got = 0;
      const auto code = curl_easy_recv(handle, buffer, sizeof buffer, &got);
      if (code == CURLE_OK && got > 0) {
        input.append(buffer, got);
        return true;
      }
      if (code != CURLE_AGAIN) {
        ended = true;
        return false;
      }
      if (!wait(POLLIN, until)) return false;
    }
  }
  Result<void> write(std::string_view bytes, SteadyTime until) {
    while (!bytes.empty()) {
      std::size_t sent = 0;
      const auto code = curl_easy_send(handle, bytes.data(), bytes.size(), &sent);
      if (code == CURLE_AGAIN && wait(POLLOUT, until)) continue;
      if (code != CURLE_OK) return fail(Errc::outbound_failed, "the connection broke while sending");
      bytes.remove_prefix(sent);
    }
    return {};
  }
};

LiveSocket::LiveSocket(std::unique_ptr<Wire> wire) : wire_(std::move(wire)) {}
LiveSocket::LiveSocket(LiveSocket&&) noexcept = default;
LiveSocket::~LiveSocket() = default;

Result<LiveSocket> LiveSocket::open(const Place& place, std::string_view target, const Fields& headers,
                                    milliseconds time, HttpReply& answer) {
  const auto until = SystemClock{}.steady() + time;
  auto wire = std::make_unique<Wire>();
  wire->place = place;
  CURL* h = wire->handle;
  const auto [authority, base] = parts_of(place.url);
  const auto origin = fmt::format("{}{}", place.url.substr(0, place.url.find("://") + 3), authority);
  if (h == nullptr || !prepare(h, wire->place, time, &wire->error[0]) ||
      curl_easy_setopt(h, CURLOPT_URL, origin.c_str()) != CURLE_OK ||
      curl_easy_setopt(h, CURLOPT_CONNECT_ONLY, 1L) != CURLE_OK ||
      // The time is that of connecting: a socket may stay open long after it.
      curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, 0L) != CURLE_OK) {
    return fail(Errc::internal, "libcurl lacks a setting");
  }
  if (const auto code = curl_easy_perform(h); code != CURLE_OK) return curl_error(code, &wire->error[0]);

  const auto key = base64_encode(crypto::random_bytes(16));
  auto request = fmt::format(
      "GET {}{} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: {}\r\nSec-WebSocket-Protocol: centrifuge-json\r\n",
      base, target, authority, key);
  for (const auto& [name, value] : headers) request += fmt::format("{}: {}\r\n", name, value);
  if (auto sent = wire->write(request + "\r\n", until); !sent) return sent.error();

  std::size_t end = std::string::npos;
  while ((end = wire->input.find("\r\n\r\n")) == std::string::npos) {
    if (wire->input.size() > kHeadMax || !wire->read(until)) {
      return fail(Errc::outbound_failed, wire->ended ? "the connection was closed without an answer" : "no answer");
    }
  }
  const std::string head = wire->input.substr(0, end);
  wire->input.erase(0, end + 4);
  if (head.size() > 12 && head.starts_with("HTTP/1.")) {
    std::from_chars(head.data() + 9, head.data() + 12, answer.status);
  }
  for (std::size_t at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at + 2)) {
    take_header(std::string_view(head).substr(at + 2, head.find("\r\n", at + 2) - at - 2), answer);
  }
  if (answer.status != 101) {
    // Enough of the body for a code to be read from it.
    std::size_t length = 0;
    const auto said = answer.header("content-length");
    std::from_chars(said.data(), said.data() + said.size(), length);
    while (wire->input.size() < std::min(length, kHeadMax) && wire->read(until)) {
    }
    answer.body = wire->input;
    return fail(Errc::upgrade_required, fmt::format("answered {}", answer.status));
  }
  if (answer.header("sec-websocket-accept") != ws::accept_key(key)) {
    return fail(Errc::outbound_failed, "Sec-WebSocket-Accept is not that of the key sent");
  }
  return LiveSocket(std::move(wire));
}

Result<void> LiveSocket::send_frame(unsigned opcode, std::string_view payload) {
  std::string frame;
  frame += static_cast<char>(0x80 | opcode);
  if (payload.size() < 126) {
    frame += static_cast<char>(0x80 | payload.size());
  } else {
    frame += static_cast<char>(0x80 | 126);
    frame += static_cast<char>(payload.size() >> 8 & 0xff);
    frame += static_cast<char>(payload.size() & 0xff);
  }
  const auto mask = crypto::random_bytes(4);
  frame += mask;
  for (std::size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ mask[i % 4]);
  return wire_->write(frame, SystemClock{}.steady() + std::chrono::seconds(5));
}

Result<void> LiveSocket::send(std::string_view text) {
  if (text.size() > 0xffff) return fail(Errc::internal, "a message too long for this client");
  return send_frame(kText, text);
}

/// A whole frame from the front of what was read; nothing where there is none yet, or it was for the wire alone.
std::optional<Frame> LiveSocket::take() {
  auto& in = wire_->input;
  const auto byte = [&in](std::size_t i) { return static_cast<unsigned char>(in[i]); };
  while (in.size() >= 2) {
    const bool last = (byte(0) & 0x80) != 0;
    const unsigned opcode = byte(0) & 0x0f;
    std::size_t length = byte(1) & 0x7f;
    std::size_t head = 2;
    if (length >= 126) {
      const std::size_t more = length == 126 ? 2 : 8;
      if (in.size() < head + more) return std::nullopt;
      length = 0;
      for (std::size_t i = 0; i < more; ++i) length = length << 8 | byte(head + i);
      head += more;
    }
    // A server masks nothing and sends nothing this long: it is none.
    if ((byte(1) & 0x80) != 0 || length > kFrameMax) return Frame{.kind = Frame::Kind::cut};
    if (in.size() < head + length) return std::nullopt;
    std::string payload = in.substr(head, length);
    in.erase(0, head + length);
    if (opcode == kPing) static_cast<void>(send_frame(kPong, payload).has_value());
    if (opcode == kClose) {
      Frame frame{.kind = Frame::Kind::close};
      if (payload.size() >= 2) {
        frame.code =
            static_cast<unsigned>(static_cast<unsigned char>(payload[0])) << 8 | static_cast<unsigned char>(payload[1]);
        frame.text = payload.substr(2);
      }
      static_cast<void>(send_frame(kClose, std::string_view(payload).substr(0, 2)).has_value());
      return frame;
    }
    if (opcode != kText && opcode != kContinuation) continue;
    wire_->message += payload;
    if (wire_->message.size() > kFrameMax) return Frame{.kind = Frame::Kind::cut};
    if (last) return Frame{.kind = Frame::Kind::text, .text = std::exchange(wire_->message, {})};
  }
  return std::nullopt;
}

Frame LiveSocket::receive(milliseconds time) {
  const auto until = SystemClock{}.steady() + time;
  for (;;) {
    if (auto frame = take()) return *std::move(frame);
    if (!wire_->read(until)) return {.kind = wire_->ended ? Frame::Kind::cut : Frame::Kind::none};
  }
}

void LiveSocket::drop() { wire_.reset(); }

}  // namespace gatecast::app
