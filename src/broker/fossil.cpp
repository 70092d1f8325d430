#include "broker/fossil.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

namespace gatecast::broker {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";
constexpr std::size_t kNpos = std::string_view::npos;

/// What is looked for in the base; shorter repetitions do not pay for their command.
constexpr std::size_t kBlock = 16;
/// A base that repeats one block over and over must not make each search long.
constexpr unsigned kCandidates = 8;

int digit_value(char c) {
  const auto at = kDigits.find(c);
  return at == kNpos ? -1 : static_cast<int>(at);
}

void append_number(std::string& out, std::uint64_t n) {
  char digits[11];
  std::size_t at = sizeof digits;
  do {
    digits[--at] = kDigits[n & 63];
    n >>= 6;
  } while (n != 0);
  out.append(digits + at, sizeof digits - at);
}

std::uint32_t checksum(std::string_view bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += std::uint32_t{static_cast<unsigned char>(bytes[i])} << (24 - 8 * (i & 3));
  }
  return sum;
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t n = 0;
  if constexpr (std::endian::native == std::endian::little) {
    for (; n + 8 <= most; n += 8) {
      std::uint64_t x, y;
      std::memcpy(&x, a.data() + n, 8);
      std::memcpy(&y, b.data() + n, 8);
      if (x != y) return n + static_cast<std::size_t>(std::countr_zero(x ^ y)) / 8;
    }
  }
  while (n < most && a[n] == b[n]) ++n;
  return n;
}

std::size_t common_suffix(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t n = 0;
  while (n < most && a[a.size() - 1 - n] == b[b.size() - 1 - n]) ++n;
  return n;
}

bool starts_character(std::string_view text, std::size_t at) {
  return at >= text.size() || (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
}

constexpr std::uint32_t kHashFactor = 0x01000193u;
/// What the first of kBlock bytes is multiplied by.
constexpr std::uint32_t lead() {
  std::uint32_t n = 1;
  for (std::size_t i = 1; i < kBlock; ++i) n *= kHashFactor;
  return n;
}

/// A hash of kBlock bytes that moves on by one byte in constant time.
class Rolling {
 public:
  explicit Rolling(const char* block) {
    for (std::size_t i = 0; i < kBlock; ++i) hash_ = hash_ * kHashFactor + byte(block[i]);
  }
  void move(char out, char in) { hash_ = (hash_ - kLead * byte(out)) * kHashFactor + byte(in); }
  std::uint32_t value() const { return hash_ ^ (hash_ >> 15); }

 private:
  static constexpr std::uint32_t kLead = lead();
  static std::uint32_t byte(char c) { return static_cast<unsigned char>(c); }
  std::uint32_t hash_ = 0;
};

/// Where the base's blocks lie, by their hash.
class Blocks {
 public:
  explicit Blocks(std::string_view base) : base_(base) {
    const std::size_t count = base.size() / kBlock;
    heads_.resize(std::bit_ceil(std::max<std::size_t>(count, 1)), kNone);
    next_.resize(count);
    // From the back, so that the first block of equal ones is found first.
    for (std::size_t i = count; i-- > 0;) {
      auto& head = heads_[slot(Rolling(base.data() + i * kBlock).value())];
      next_[i] = head;
      head = static_cast<std::uint32_t>(i);
    }
  }

  struct Match {
    std::size_t base = 0;
    std::size_t target = 0;
    std::size_t size = 0;
  };
  /// The longest repetition found of what stands in `target` at `at`, reaching back to `from` at most.
  Match find(std::uint32_t hash, std::string_view target, std::size_t at, std::size_t from) const {
    Match best;
    unsigned tries = 0;
    for (auto i = heads_[slot(hash)]; i != kNone && tries < kCandidates; i = next_[i], ++tries) {
      const std::size_t begin = std::size_t{i} * kBlock;
      const std::size_t ahead = common_prefix(base_.substr(begin), target.substr(at));
      if (ahead < kBlock) continue;
      const std::size_t back = common_suffix(base_.substr(0, begin), target.substr(from, at - from));
      if (ahead + back > best.size) best = {begin - back, at - back, ahead + back};
    }
    return best;
  }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  std::size_t slot(std::uint32_t hash) const { return hash & (heads_.size() - 1); }

  std::string_view base_;
  std::vector<std::uint32_t> heads_;
  std::vector<std::uint32_t> next_;
};

/// Writes the commands; what lies between copies is inserted.
class Writer {
 public:
  explicit Writer(std::string_view target) : target_(target) {
    append_number(out_, target.size());
    out_ += '\n';
  }
  /// Copies target [begin, end) out of the base from `base` on; shortened to whole characters.
  void copy(std::size_t base, std::size_t begin, std::size_t end) {
    while (begin < end && !starts_character(target_, begin)) ++begin, ++base;
    while (begin < end && !starts_character(target_, end)) --end;
    std::string command;
    append_number(command, end - begin);
    command += '@';
    append_number(command, base);
    command += ',';
    // An insert that it splits costs a command more.
    if (end - begin <= command.size() + 2) return;
    insert(begin);
    out_ += command;
    done_ = end;
  }
  std::size_t size() const { return out_.size(); }
  std::string finish() {
    insert(target_.size());
    append_number(out_, checksum(target_));
    out_ += ';';
    return std::move(out_);
  }

 private:
  void insert(std::size_t end) {
    if (done_ == end) return;
    append_number(out_, end - done_);
    out_ += ':';
    out_ += target_.substr(done_, end - done_);
    done_ = end;
  }

  std::string_view target_;
  std::string out_;
  std::size_t done_ = 0;
};

/// Copies what is repeated of the base in target [begin, end).
void copy_blocks(Writer& out, std::string_view base, std::string_view target, std::size_t begin, std::size_t end) {
  if (end - begin < kBlock || base.size() < kBlock) return;
  const Blocks blocks(base);
  const std::string_view part = target.substr(0, end);
  std::size_t from = begin;
  std::size_t at = begin;
  while (at + kBlock <= end) {
    Rolling hash(part.data() + at);
    Blocks::Match match;
    for (;;) {
      match = blocks.find(hash.value(), part, at, from);
      if (match.size > 0 || at + kBlock == end) break;
      hash.move(part[at], part[at + kBlock]);
      ++at;
    }
    if (match.size == 0) return;
    from = at = match.target + match.size;
    out.copy(match.base, match.target, from);
  }
}

/// Reads the numbers and bytes of a delta.
class Reader {
 public:
  explicit Reader(std::string_view delta) : rest_(delta) {}
  bool at_end() const { return rest_.empty(); }
  /// A number of at most 32 bits, and the character behind it.
  bool number(std::uint64_t& n, char& behind) {
    n = 0;
    std::size_t at = 0;
    for (int digit; at < rest_.size() && (digit = digit_value(rest_[at])) >= 0; ++at) {
      n = n << 6 | static_cast<std::uint64_t>(digit);
      if (n > 0xffffffff) return false;
    }
    if (at == 0 || at == rest_.size()) return false;
    behind = rest_[at];
    rest_.remove_prefix(at + 1);
    return true;
  }
  bool bytes(std::uint64_t count, std::string_view& out) {
    if (count > rest_.size()) return false;
    out = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return true;
  }

 private:
  std::string_view rest_;
};

}  // namespace

std::string fossil_delta(std::string_view base, std::string_view target) {
  if (target.empty() || target.size() > kFossilBytesMax || base.size() > kFossilBytesMax) return {};
  const std::size_t prefix = common_prefix(base, target);
  const std::size_t suffix = common_suffix(base.substr(prefix), target.substr(prefix));
  Writer out(target);
  if (prefix > 0) out.copy(0, 0, prefix);
  copy_blocks(out, base, target, prefix, target.size() - suffix);
  if (suffix > 0) out.copy(base.size() - suffix, target.size() - suffix, target.size());
  auto delta = out.finish();
  if (delta.size() >= target.size()) return {};
  return delta;
}

Result<std::string> apply_fossil_delta(std::string_view base, std::string_view delta) {
  const auto bad = [](const char* what) { return fail(Errc::bad_request, what); };
  Reader in(delta);
  std::uint64_t size = 0, count = 0;
  char mark = 0;
  if (!in.number(size, mark) || mark != '\n' || size > kFossilBytesMax) return bad("delta: no size");
  std::string out;
  while (in.number(count, mark)) {
    if (mark == ';') {
      if (out.size() != size) return bad("delta: too short");
      if (count != checksum(out)) return bad("delta: checksum");
      if (!in.at_end()) return bad("delta: something behind its end");
      return out;
    }
    if (count > size - out.size()) return bad("delta: more than its size");
    if (mark == ':') {
      std::string_view bytes;
      if (!in.bytes(count, bytes)) return bad("delta: cut");
      out += bytes;
    } else if (mark == '@') {
      std::uint64_t offset = 0;
      if (!in.number(offset, mark) || mark != ',') return bad("delta: no offset");
      if (offset > base.size() || count > base.size() - offset) return bad("delta: copies from behind the base");
      out += base.substr(offset, count);
    } else {
      return bad("delta: unknown command");
    }
  }
  return bad("delta: no end");
}

}  // namespace gatecast::broker
