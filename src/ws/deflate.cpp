#include "ws/deflate.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace gatecast::ws {
namespace {

constexpr std::string_view kEmptyBlock{"\x00\x00\xff\xff", 4};
constexpr int kWindowBits = 15;
// Text of a few hundred bytes: the higher levels search longer and find the same.
constexpr int kLevel = 1;
constexpr int kMemoryLevel = 8;
constexpr std::size_t kParametersMax = 8;

/// zlib's streams of one thread. They fail to be made only where memory is gone.
struct Streams {
  z_stream deflate{};
  z_stream inflate{};
  Streams() {
    if (deflateInit2(&deflate, kLevel, Z_DEFLATED, -kWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK ||
        inflateInit2(&inflate, -kWindowBits) != Z_OK) {
      std::abort();
    }
  }
  ~Streams() {
    deflateEnd(&deflate);
    inflateEnd(&inflate);
  }
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;
};

Streams& streams() {
  static thread_local Streams all;
  return all;
}

// zlib's interface has bytes unsigned, and input that it does not write to not const.
Bytef* bytes_of(std::string_view text) {
  return const_cast<Bytef*>(
      reinterpret_cast<const Bytef*>(text.data()));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}
Bytef* bytes_of(char* text) { return reinterpret_cast<Bytef*>(text); }

std::string_view trim(std::string_view s) {
  const auto begin = s.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return s.substr(begin, s.find_last_not_of(" \t") - begin + 1);
}

std::string_view take_until(std::string_view& rest, char end) {
  const auto at = rest.find(end);
  const auto part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
  return trim(part);
}

/// 8 to 15 without leading zeros, quoted or not; 0: neither.
unsigned window_bits(std::string_view value) {
  if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"')) value = value.substr(1, value.size() - 2);
  for (const auto& [text, bits] : {std::pair<std::string_view, unsigned>{"8", 8},
                                   {"9", 9},
                                   {"10", 10},
                                   {"11", 11},
                                   {"12", 12},
                                   {"13", 13},
                                   {"14", 14},
                                   {"15", 15}}) {
    if (value == text) return bits;
  }
  return 0;
}

/// Whether this server can do what one offer asks for.
bool can_meet(std::string_view offer) {
  if (take_until(offer, ';') != "permessage-deflate") return false;
  std::array<std::string_view, kParametersMax> seen;
  std::size_t count = 0;
  while (!offer.empty()) {
    std::string_view parameter = take_until(offer, ';');
    const bool has_value = parameter.find('=') != std::string_view::npos;
    const std::string_view name = take_until(parameter, '=');
    const std::string_view value = trim(parameter);
    if (count == kParametersMax || std::find(seen.begin(), seen.begin() + count, name) != seen.begin() + count) {
      return false;
    }
    seen[count++] = name;
    if (name == "server_no_context_takeover" || name == "client_no_context_takeover") {
      if (has_value) return false;
    } else if (name == "client_max_window_bits") {
      if (has_value && window_bits(value) == 0) return false;
    } else if (name == "server_max_window_bits") {
      // One window for all: a publication is compressed once.
      if (window_bits(value) != kWindowBits) return false;
    } else {
      return false;
    }
  }
  return true;
}

bool names_window(std::string_view offer) { return offer.find("server_max_window_bits") != std::string_view::npos; }

/// Inflates all of `input` into `out`; false where it is no deflate stream or `out` would grow over `most`.
enum class Inflated : std::uint8_t { fine, broken, too_big };
Inflated inflate_all(z_stream& z, std::string_view input, std::size_t most, std::string& out) {
  z.next_in = bytes_of(input);
  z.avail_in = static_cast<uInt>(input.size());
  while (z.avail_in > 0) {
    const std::size_t before = out.size();
    // One byte over the bound is enough to know.
    const std::size_t room = std::min(most + 1 - before, std::max<std::size_t>(4096, input.size() * 4));
    out.resize(before + room);
    z.next_out = bytes_of(out.data() + before);
    z.avail_out = static_cast<uInt>(room);
    const int status = ::inflate(&z, Z_SYNC_FLUSH);
    out.resize(before + room - z.avail_out);
    if (out.size() > most) return Inflated::too_big;
    if (status == Z_STREAM_END) {
      // A sender may end its stream within a message (RFC 7692 §7.2.3.4); what follows begins anew.
      if (inflateReset(&z) != Z_OK) return Inflated::broken;
    } else if (status == Z_BUF_ERROR) {
      return z.avail_out == 0 ? Inflated::too_big : Inflated::fine;
    } else if (status != Z_OK) {
      return Inflated::broken;
    }
  }
  return Inflated::fine;
}

}  // namespace

std::optional<std::string> choose_deflate(std::string_view offers) {
  while (!offers.empty()) {
    const std::string_view offer = take_until(offers, ',');
    if (!can_meet(offer)) continue;
    std::string answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    if (names_window(offer)) answer += "; server_max_window_bits=15";
    return answer;
  }
  return std::nullopt;
}

void append_deflated(std::string& out, std::string_view message) {
  z_stream& z = streams().deflate;
  deflateReset(&z);
  z.next_in = bytes_of(message);
  z.avail_in = static_cast<uInt>(message.size());
  const std::size_t before = out.size();
  // The bound of zlib, and the empty block of the flush.
  out.resize(before + deflateBound(&z, static_cast<uLong>(message.size())) + kEmptyBlock.size() + 16);
  z.next_out = bytes_of(out.data() + before);
  z.avail_out = static_cast<uInt>(out.size() - before);
  if (::deflate(&z, Z_SYNC_FLUSH) != Z_OK || z.avail_in != 0) std::abort();
  out.resize(out.size() - z.avail_out);
  if (!std::string_view(out).ends_with(kEmptyBlock)) std::abort();
  out.resize(out.size() - kEmptyBlock.size());
}

Result<std::string> inflated(std::string_view payload, std::size_t most) {
  z_stream& z = streams().inflate;
  inflateReset(&z);
  std::string message;
  for (const std::string_view part : {payload, kEmptyBlock}) {
    switch (inflate_all(z, part, most, message)) {
      case Inflated::fine: break;
      case Inflated::broken: return fail(Errc::ws_protocol, "not a deflate stream");
      case Inflated::too_big: return fail(Errc::ws_too_big, "inflated message over the limit");
    }
  }
  return message;
}

}  // namespace gatecast::ws
