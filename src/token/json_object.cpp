#include "token/json_object.hpp"

#include <charconv>

namespace gatecast::token {
namespace {

constexpr std::int64_t kMaxInteger = std::int64_t{1} << 53;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool digit(char c) { return c >= '0' && c <= '9'; }

/// Characters that stand for themselves in a string: ASCII without controls, quote and backslash.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (unsigned c = 0x20; c < 0x80; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

/// Reads one text from front to back; every function leaves `at_` after what it read, or returns false.
class Reader {
 public:
  explicit Reader(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  bool at_end() const { return at_ == end_; }
  const char* at() const { return at_; }
  void blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) ++at_;
  }
  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool string();
  bool value(unsigned depth, JsonKind& kind);

 private:
  bool word(std::string_view text) {
    if (static_cast<std::size_t>(end_ - at_) < text.size() || std::string_view(at_, text.size()) != text) return false;
    at_ += text.size();
    return true;
  }
  bool number(JsonKind& kind);
  bool digits();
  bool escape();
  bool code_unit(unsigned& unit);
  bool utf8();
  template <class Item>
  bool items(char close, Item item);

  const char* at_;
  const char* end_;
};

bool Reader::digits() {
  const char* begin = at_;
  while (at_ != end_ && digit(*at_)) ++at_;
  return at_ != begin;
}

bool Reader::number(JsonKind& kind) {
  kind = JsonKind::integer;
  take('-');
  if (!take('0') && !digits()) return false;
  if (take('.')) {
    kind = JsonKind::real;
    if (!digits()) return false;
  }
  if (take('e') || take('E')) {
    kind = JsonKind::real;
    if (!take('+')) take('-');
    if (!digits()) return false;
  }
  return true;
}

bool Reader::code_unit(unsigned& unit) {
  if (end_ - at_ < 4) return false;
  unit = 0;
  for (int i = 0; i < 4; ++i) {
    const int value = hex_digit(*at_++);
    if (value < 0) return false;
    unit = unit * 16 + static_cast<unsigned>(value);
  }
  return true;
}

/// After the backslash. Surrogates must come as a pair: half of one is no character, and readers disagree on it.
bool Reader::escape() {
  if (at_ == end_) return false;
  const char c = *at_++;
  if (c != 'u') return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
  unsigned unit = 0;
  if (!code_unit(unit)) return false;
  if (unit < 0xD800 || unit > 0xDFFF) return true;
  return unit < 0xDC00 && word("\\u") && code_unit(unit) && unit >= 0xDC00 && unit <= 0xDFFF;
}

/// One character of two to four bytes (RFC 3629 §4).
bool Reader::utf8() {
  const auto first = static_cast<unsigned char>(*at_++);
  unsigned more = 0;
  unsigned char low = 0x80, high = 0xBF;  // of the second byte: excludes overlong forms, surrogates and over U+10FFFF
  if (first >= 0xC2 && first <= 0xDF) {
    more = 1;
  } else if (first >= 0xE0 && first <= 0xEF) {
    more = 2;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    more = 3;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  } else {
    return false;
  }
  for (; more > 0; --more) {
    if (at_ == end_) return false;
    const auto byte = static_cast<unsigned char>(*at_++);
    if (byte < low || byte > high) return false;
    low = 0x80;
    high = 0xBF;
  }
  return true;
}

bool Reader::string() {
  if (!take('"')) return false;
  while (true) {
    while (at_ != end_ && kPlain[static_cast<unsigned char>(*at_)]) ++at_;
    if (at_ == end_) return false;
    if (static_cast<unsigned char>(*at_) >= 0x80) {
      if (!utf8()) return false;
      continue;
    }
    const char c = *at_++;
    if (c == '"') return true;
    if (c != '\\' || !escape()) return false;  // a control character otherwise
  }
}

/// Items between commas up to `close`, the opening bracket being taken.
template <class Item>
bool Reader::items(char close, Item item) {
  blanks();
  if (take(close)) return true;
  do {
    blanks();
    if (!item()) return false;
    blanks();
  } while (take(','));
  return take(close);
}

bool Reader::value(unsigned depth, JsonKind& kind) {
  if (at_ == end_ || depth > kMaxJsonDepth) return false;
  JsonKind inner{};
  switch (*at_) {
    case '"': kind = JsonKind::string; return string();
    case '{':
      kind = JsonKind::object;
      ++at_;
      return items('}', [&] {
        if (!string()) return false;
        blanks();
        if (!take(':')) return false;
        blanks();
        return value(depth + 1, inner);
      });
    case '[':
      kind = JsonKind::array;
      ++at_;
      return items(']', [&] { return value(depth + 1, inner); });
    case 't': kind = JsonKind::boolean; return word("true");
    case 'f': kind = JsonKind::boolean; return word("false");
    case 'n': kind = JsonKind::null; return word("null");
    default: return number(kind);
  }
}

void append_utf8(std::string& out, unsigned c) {
  const auto add = [&out](unsigned byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    add(c);
  } else if (c < 0x800) {
    add(0xC0 | (c >> 6));
    add(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    add(0xE0 | (c >> 12));
    add(0x80 | ((c >> 6) & 0x3F));
    add(0x80 | (c & 0x3F));
  } else {
    add(0xF0 | (c >> 18));
    add(0x80 | ((c >> 12) & 0x3F));
    add(0x80 | ((c >> 6) & 0x3F));
    add(0x80 | (c & 0x3F));
  }
}

unsigned unit_at(std::string_view text, std::size_t at) {
  unsigned unit = 0;
  for (const char c : text.substr(at, 4)) unit = unit * 16 + static_cast<unsigned>(hex_digit(c));
  return unit;
}

/// The characters of a string literal that Reader has accepted, quotes included.
std::string decode(std::string_view literal) {
  const std::string_view text = literal.substr(1, literal.size() - 2);
  if (text.find('\\') == std::string_view::npos) return std::string(text);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    switch (text[++i]) {
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'u': {
        unsigned c = unit_at(text, i + 1);
        i += 4;
        if (c >= 0xD800 && c <= 0xDBFF) {
          c = 0x10000 + ((c - 0xD800) << 10) + (unit_at(text, i + 3) - 0xDC00);
          i += 6;
        }
        append_utf8(out, c);
        break;
      }
      default: out += text[i];
    }
  }
  return out;
}

}  // namespace

std::optional<JsonObject> JsonObject::parse(std::string_view text) {
  Reader reader(text);
  JsonObject object;
  object.members_.reserve(12);
  const auto since = [&reader](const char* begin) {
    return std::string_view(begin, static_cast<std::size_t>(reader.at() - begin));
  };
  reader.blanks();
  if (!reader.take('{')) return std::nullopt;
  reader.blanks();
  if (!reader.take('}')) {
    do {
      if (object.members_.size() == kMaxMembers) return std::nullopt;
      JsonMember member;
      reader.blanks();
      const char* begin = reader.at();
      if (!reader.string()) return std::nullopt;
      member.raw_name = since(begin);
      member.name = decode(member.raw_name);
      if (object.find(member.name)) return std::nullopt;
      reader.blanks();
      if (!reader.take(':')) return std::nullopt;
      reader.blanks();
      begin = reader.at();
      if (!reader.value(2, member.kind)) return std::nullopt;
      member.raw = since(begin);
      object.members_.push_back(std::move(member));
      reader.blanks();
    } while (reader.take(','));
    if (!reader.take('}')) return std::nullopt;
  }
  reader.blanks();
  if (!reader.at_end()) return std::nullopt;
  return object;
}

const JsonMember* JsonObject::find(std::string_view name) const {
  for (const JsonMember& member : members_) {
    if (member.name == name) return &member;
  }
  return nullptr;
}

std::optional<std::string> json_string(const JsonMember& member) {
  if (member.kind != JsonKind::string) return std::nullopt;
  return decode(member.raw);
}

std::optional<std::int64_t> json_integer(const JsonMember& member) {
  if (member.kind != JsonKind::integer) return std::nullopt;
  std::int64_t value = 0;
  const char* end = member.raw.data() + member.raw.size();
  const auto [stop, error] = std::from_chars(member.raw.data(), end, value);
  if (error != std::errc{} || stop != end || value > kMaxInteger || value < -kMaxInteger) return std::nullopt;
  return value;
}

std::optional<std::vector<std::string_view>> json_items(const JsonMember& member, std::size_t limit) {
  if (member.kind != JsonKind::array) return std::nullopt;
  // The text was validated as a value, so only how many items it has is in question.
  Reader reader(member.raw);
  std::vector<std::string_view> items;
  reader.take('[');
  reader.blanks();
  if (reader.take(']')) return items;
  do {
    reader.blanks();
    const char* begin = reader.at();
    JsonKind kind{};
    if (items.size() == limit || !reader.value(2, kind)) return std::nullopt;
    items.emplace_back(begin, static_cast<std::size_t>(reader.at() - begin));
    reader.blanks();
  } while (reader.take(','));
  return items;
}

std::optional<std::vector<std::string>> json_strings(const JsonMember& member, std::size_t limit) {
  const auto items = json_items(member, limit);
  if (!items) return std::nullopt;
  std::vector<std::string> texts;
  for (const std::string_view item : *items) {
    if (!item.starts_with('"')) return std::nullopt;
    texts.push_back(decode(item));
  }
  return texts;
}

void append_json_string(std::string& out, std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace gatecast::token
