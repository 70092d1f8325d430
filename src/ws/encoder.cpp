#include "ws/encoder.hpp"

#include "ws/utf8.hpp"

namespace gatecast::ws {

std::size_t write_header(char* out, Opcode opcode, std::size_t length, bool compressed) {
  constexpr unsigned kFin = 0x80;
  constexpr unsigned kRsv1 = 0x40;
  out[0] = static_cast<char>(kFin | (compressed ? kRsv1 : 0u) | static_cast<unsigned>(opcode));
  if (length < 126) {
    out[1] = static_cast<char>(length);
    return 2;
  }
  const std::size_t bytes = length <= 0xFFFF ? 2 : 8;
  out[1] = static_cast<char>(bytes == 2 ? 126 : 127);
  for (std::size_t i = 0; i < bytes; ++i) out[2 + i] = static_cast<char>(length >> (8 * (bytes - 1 - i)));
  return 2 + bytes;
}

void append_frame(std::string& out, Opcode opcode, std::string_view payload, bool compressed) {
  const bool control = (static_cast<unsigned>(opcode) & 0x8u) != 0;
  if (control) payload = payload.substr(0, kMaxControlBytes);
  char header[kMaxServerHeaderBytes];
  out.append(header, write_header(header, opcode, payload.size(), compressed));
  out.append(payload);
}

void append_close(std::string& out, std::uint16_t code, std::string_view reason) {
  std::string payload;
  if (close_code_allowed(code)) {
    payload.push_back(static_cast<char>(code >> 8));
    payload.push_back(static_cast<char>(code & 0xFF));
    payload.append(cut_utf8(reason, kMaxCloseReasonBytes));
  }
  append_frame(out, Opcode::close, payload);
}

}  // namespace gatecast::ws
