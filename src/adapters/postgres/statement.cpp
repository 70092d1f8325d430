#include "adapters/postgres/statement.hpp"

namespace gatecast::postgres {
namespace {

constexpr int kBinary = 1;

template <class T>
void put_big_endian(std::string& out, T value) {
  using U = std::make_unsigned_t<T>;
  const auto bits = static_cast<U>(value);
  for (int shift = static_cast<int>(sizeof(U)) * 8 - 8; shift >= 0; shift -= 8) {
    out += static_cast<char>((bits >> shift) & 0xFFU);
  }
}

std::string big_endian(std::int64_t value) {
  std::string out;
  put_big_endian(out, value);
  return out;
}

/// The binary form of an array of one dimension without nulls: its head, then length and bytes of each element.
template <class Range, class Form>
std::string array_of(unsigned element, const Range& range, Form&& form) {
  std::string out;
  const bool any = !range.empty();
  put_big_endian<std::int32_t>(out, any ? 1 : 0);  // dimensions
  put_big_endian<std::int32_t>(out, 0);            // no nulls
  put_big_endian<std::uint32_t>(out, element);
  if (!any) return out;
  put_big_endian(out, static_cast<std::int32_t>(range.size()));
  put_big_endian<std::int32_t>(out, 1);  // the first one's number
  for (const auto& value : range) {
    const auto bytes = form(value);
    put_big_endian(out, static_cast<std::int32_t>(bytes.size()));
    out += bytes;
  }
  return out;
}

}  // namespace

void Params::add(std::string_view text) { add_value(kText, text); }
void Params::add(Bytes bytes) { add_value(kBytea, bytes.bytes); }
void Params::add(bool flag) { add_value(kBool, std::string_view(flag ? "\1" : "\0", 1)); }
void Params::add_number(std::int64_t number) { add_value(kBigint, big_endian(number)); }

void Params::add(const std::vector<std::string>& texts) {
  add_value(kTexts, array_of(kText, texts, [](const std::string& text) { return std::string_view(text); }));
}
void Params::add(const std::vector<std::int64_t>& numbers) {
  add_value(kBigints, array_of(kBigint, numbers, &big_endian));
}
void Params::add(const std::vector<WallTime>& times) {
  add_value(kBigints, array_of(kBigint, times, [](WallTime time) { return big_endian(unix_ms(time)); }));
}
void Params::add(const std::vector<bool>& flags) {
  add_value(kBools, array_of(kBool, flags, [](bool flag) { return std::string_view(flag ? "\1" : "\0", 1); }));
}

void Params::add_null(unsigned type) {
  types_.push_back(type);
  lengths_.push_back(0);
  formats_.push_back(kBinary);
  at_.push_back(-1);
}

void Params::add_value(unsigned type, std::string_view bytes) {
  types_.push_back(type);
  lengths_.push_back(static_cast<int>(bytes.size()));
  formats_.push_back(kBinary);
  at_.push_back(static_cast<std::ptrdiff_t>(bytes_.size()));
  bytes_ += bytes;
}

std::vector<const char*> Params::values() const {
  std::vector<const char*> out;
  out.reserve(at_.size());
  // A value of no bytes still needs a place, or libpq would take it for null.
  for (const auto at : at_) out.push_back(at < 0 ? nullptr : bytes_.c_str() + at);
  return out;
}

}  // namespace gatecast::postgres
