// A cursor over JSON text that validates while it goes: tokens, whole values, members of objects.
//
// Place: under the decoder and json_check; server reads request bodies with it. Why not a JSON library: payloads pass
// through as they came, and simdjson's DOM refuses valid texts (integers over 64 bits, 1e400, unpaired surrogate
// escapes) and keeps no source positions, while On-Demand passes invalid ones. The grammar is RFC 8259; UTF-8 is
// checked before, over the whole input (`is_utf8`). Nothing is allocated, nothing behind the end is read. Threads: one
// a cursor. Errors: a function returns false and the cursor stands at the fault. Bounds: kMaxJsonDepth, without
// recursion.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gatecast::protocol {

bool is_utf8(std::string_view bytes);

class JsonScan {
 public:
  /// What stands between a string's quotes.
  struct Text {
    std::string_view raw;
    bool escaped = false;
  };

  explicit JsonScan(std::string_view json) : p_(json.data()), end_(json.data() + json.size()) {}

  bool at_end() const { return p_ == end_; }
  char peek() const { return p_ == end_ ? '\0' : *p_; }
  const char* position() const { return p_; }
  std::string_view rest() const { return {p_, static_cast<std::size_t>(end_ - p_)}; }

  void skip_space() {
    while (p_ != end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\r' || *p_ == '\t')) ++p_;
  }
  bool take(char c) {
    if (p_ == end_ || *p_ != c) return false;
    ++p_;
    return true;
  }
  bool literal(std::string_view word);
  bool string(Text& text);
  /// Any value; `slice` is its exact text.
  bool value(std::string_view& slice);
  /// Digits only, no sign, no fraction, no exponent, ≤ `max`.
  bool unsigned_integer(std::uint64_t max, std::uint64_t& out);
  /// An integer without fraction or exponent, within [min, max].
  bool signed_integer(std::int64_t min, std::int64_t max, std::int64_t& out);

  /// An object: calls `on_member(Text name)` with the cursor on each value, which the callee takes whole.
  template <class F>
  bool members(F&& on_member) {
    if (!take('{')) return false;
    skip_space();
    if (take('}')) return true;
    for (;;) {
      Text name;
      if (!name_and_colon(name) || !on_member(name)) return false;
      skip_space();
      if (take('}')) return true;
      if (!take(',')) return false;
      skip_space();
    }
  }

 private:
  bool name_and_colon(Text& name);
  bool escape();
  bool number();
  bool digits();

  const char* p_;
  const char* end_;
};

/// The text that `text` stands for; appended to `scratch` and viewed there where it has escapes. Nothing where a
/// surrogate is unpaired: such a text has no UTF-8 form.
std::optional<std::string_view> unescape(const JsonScan::Text& text, std::string& scratch);

/// Whether `text` stands for `name`.
bool text_equals(const JsonScan::Text& text, std::string_view name);

}  // namespace gatecast::protocol
