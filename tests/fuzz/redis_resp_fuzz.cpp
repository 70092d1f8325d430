// RESP3: one read that the input itself cuts in two must read as the whole does, and nothing passes its bounds.
#include <cstdlib>

#include "adapters/redis/resp_decoder.hpp"

namespace {

using gatecast::redis::RespDecoder;
using gatecast::redis::Value;

constexpr RespDecoder::Limits kLimits{.value_bytes = 64 * 1024};

std::size_t weight(const Value& value) {
  std::size_t sum = sizeof(Value) + value.text.size();
  for (const Value& item : value.items) sum += weight(item);
  return sum;
}

/// What was read, in one text; where it broke off is its end.
std::string read(std::string_view first, std::string_view second) {
  RespDecoder decoder(kLimits);
  std::string buffer(first);
  std::string out;
  for (int part = 0; part < 2; ++part) {
    if (part == 1) buffer += second;
    std::string_view input = buffer;
    while (!input.empty()) {
      const auto before = input.size();
      auto step = decoder.next(input);
      if (!step) return out + "!";
      if (*step == RespDecoder::Step::more) {
        if (decoder.wants() <= input.size()) std::abort();
        break;
      }
      if (input.size() >= before && *step == RespDecoder::Step::message) std::abort();
      if (*step == RespDecoder::Step::message) {
        out.append("<").append(decoder.topic()).append("=").append(decoder.payload());
      } else {
        const Value value = decoder.take_value();
        if (weight(value) > 2 * kLimits.value_bytes) std::abort();
        out.append("v").append(std::to_string(weight(value))).append(value.text);
      }
    }
    buffer.erase(0, buffer.size() - input.size());
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t cut = all.empty() ? 0 : data[0] * all.size() / 256;
  if (read(all, {}) != read(all.substr(0, cut), all.substr(cut))) std::abort();
  return 0;
}
