#include "crypto/random.hpp"

#include <sodium.h>

#include <array>
#include <bit>
#include <cstring>

#include "core/text_form.hpp"
#include "crypto/sodium_ready.hpp"

namespace gatecast::crypto {

namespace {

/// What the system gave a thread and has not been handed out: a system call each for the few bytes of an id would cost
/// more than making the id. Bytes are wiped as they go out, so none is given twice and none stays behind.
class Pool {
 public:
  void take(std::span<std::uint8_t> out) {
    if (out.size() > left_) {
      randombytes_buf(bytes_.data(), bytes_.size());
      left_ = bytes_.size();
    }
    std::uint8_t* from = bytes_.data() + (bytes_.size() - left_);
    std::memcpy(out.data(), from, out.size());
    sodium_memzero(from, out.size());
    left_ -= out.size();
  }
  ~Pool() { sodium_memzero(bytes_.data(), bytes_.size()); }

  static constexpr std::size_t kBytes = 512;

 private:
  std::array<std::uint8_t, kBytes> bytes_{};
  std::size_t left_ = 0;
};

}  // namespace

void random_fill(std::span<std::uint8_t> out) {
  sodium_ready();
  static thread_local Pool pool;
  // Keys and what is long come from the system directly.
  if (out.size() > 64) return randombytes_buf(out.data(), out.size());
  pool.take(out);
}

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  random_fill({reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
  return out;
}

std::uint64_t random_number() {
  std::array<std::uint8_t, sizeof(std::uint64_t)> bytes{};
  random_fill(bytes);
  return std::bit_cast<std::uint64_t>(bytes);
}

double random_share() { return static_cast<double>(random_number() >> 11) * 0x1p-53; }

std::string uuid_v4() {
  std::string bytes = random_bytes(16);
  bytes[6] = static_cast<char>((static_cast<unsigned char>(bytes[6]) & 0x0F) | 0x40);
  bytes[8] = static_cast<char>((static_cast<unsigned char>(bytes[8]) & 0x3F) | 0x80);
  std::string text = hex_encode(bytes);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) text.insert(at, 1, '-');
  return text;
}

std::string random_id(std::size_t length) {
  static constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  // 252 is the largest multiple of 36 in a byte: what lies above would make the first letters likelier.
  static constexpr unsigned kFair = 256 / kAlphabet.size() * kAlphabet.size();
  std::string id;
  id.reserve(length);
  std::array<std::uint8_t, 64> pool{};
  while (id.size() < length) {
    random_fill(pool);
    for (const unsigned byte : pool) {
      if (byte < kFair && id.size() < length) id += kAlphabet[byte % kAlphabet.size()];
    }
  }
  return id;
}

}  // namespace gatecast::crypto
