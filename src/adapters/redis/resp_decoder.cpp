#include "adapters/redis/resp_decoder.hpp"

#include <charconv>

namespace gatecast::redis {
namespace {

constexpr std::string_view kEnd = "\r\n";
// No line is longer: lengths, numbers, and the texts of errors.
constexpr std::size_t kLineBytesMax = 64 * 1024;
// '$', up to 15 digits, CR LF.
constexpr std::size_t kLengthBytesMax = 18;
// Places are made as items arrive, not as a length promises them.
constexpr std::size_t kReserveMax = 1024;

Error broken(std::string_view what) {
  return fail(Errc::temporarily_unavailable, fmt::format("the answer is not RESP3: {}", what));
}
Error too_large() { return fail(Errc::temporarily_unavailable, "an answer over its bound"); }

bool length(std::string_view digits, std::size_t& out) {
  if (digits.empty() || digits.size() > 15 || (digits.size() > 1 && digits[0] == '0')) return false;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return ec == std::errc{} && end == digits.data() + digits.size();
}

bool whole(std::string_view digits, std::int64_t& out) {
  if (digits.starts_with("+-")) return false;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return !digits.empty() && ec == std::errc{} && end == digits.data() + digits.size();
}

bool real(std::string_view digits, double& out) {
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return !digits.empty() && ec == std::errc{} && end == digits.data() + digits.size();
}

}  // namespace

void RespDecoder::reset() {
  root_ = {};
  open_.clear();
  cost_ = 0;
  wants_ = 1;
}

bool RespDecoder::charge(std::size_t bytes) {
  cost_ += bytes;
  return cost_ <= limits_.value_bytes;
}

std::optional<std::string_view> RespDecoder::line(std::string_view input) {
  const auto end = input.find(kEnd);
  if (end == std::string_view::npos) return std::nullopt;
  return input.substr(0, end);
}

// `>3 CRLF $7 CRLF message CRLF $n CRLF topic CRLF $m CRLF payload CRLF`: nine in ten of all that arrives. `value`: it
// is something else, or malformed, and left to the general way.
RespDecoder::Step RespDecoder::message(std::string_view& input) {
  static constexpr std::string_view kPlain = ">3\r\n$7\r\nmessage\r\n";
  static constexpr std::string_view kSharded = ">3\r\n$8\r\nsmessage\r\n";
  const std::string_view& form = input.size() > 5 && input[5] == '8' ? kSharded : kPlain;
  const auto later = [this](std::size_t size) {
    wants_ = size;
    return Step::more;
  };
  if (input.size() < form.size()) return form.starts_with(input) ? later(input.size() + 1) : Step::value;
  if (!input.starts_with(form)) return Step::value;
  std::size_t at = form.size();
  std::string_view texts[2];
  for (std::string_view& text : texts) {
    const auto head = line(input.substr(at, kLengthBytesMax));
    if (!head) return input.size() - at < kLengthBytesMax ? later(input.size() + 1) : Step::value;
    std::size_t size = 0;
    if (!head->starts_with('$') || !length(head->substr(1), size) || size > limits_.value_bytes) return Step::value;
    at += head->size() + kEnd.size();
    if (input.size() < at + size + kEnd.size()) return later(at + size + kEnd.size());
    text = input.substr(at, size);
    at += size;
    if (input.substr(at, kEnd.size()) != kEnd) return Step::value;
    at += kEnd.size();
  }
  topic_ = texts[0];
  payload_ = texts[1];
  input.remove_prefix(at);
  return Step::message;
}

Result<RespDecoder::Step> RespDecoder::next(std::string_view& input) {
  wants_ = 1;
  wants_ = 1;
  if (open_.empty()) {
    if (input.starts_with('>')) {
      if (const Step step = message(input); step != Step::value) return step;
    }
    root_ = {};
    cost_ = 0;
  }
  while (true) {
    // What is read next: the root, or a new last item of the innermost list that is open.
    Value* into = &root_;
    if (!open_.empty()) {
      if (!charge(sizeof(Value))) return too_large();
      into = &open_.back().list->items.emplace_back();
    }
    auto got = part(input, *into);
    if (!got) return got.error();
    if (*got == Got::more) {
      if (!open_.empty()) {
        cost_ -= sizeof(Value);
        open_.back().list->items.pop_back();
      }
      return Step::more;
    }
    if (*got == Got::opened) continue;
    if (!open_.empty()) --open_.back().left;
    if (close_finished()) return Step::value;
  }
}

/// Whether the whole value is there.
bool RespDecoder::close_finished() {
  while (!open_.empty() && open_.back().left == 0) {
    const bool attribute = open_.back().attribute;
    open_.pop_back();
    if (attribute) {
      // What it belongs to comes next, in the same place.
      skipped_ = {};
      return false;
    }
    if (!open_.empty()) --open_.back().left;
  }
  return open_.empty();
}

Result<RespDecoder::Got> RespDecoder::part(std::string_view& input, Value& into) {
  const auto head = line(input);
  if (!head) {
    if (input.size() > kLineBytesMax) return broken("a line without an end");
    wants_ = input.size() + 1;
    return Got::more;
  }
  if (head->empty()) return broken("an empty line");
  if (head->size() > kLineBytesMax) return broken("a line too long");
  switch (head->front()) {
    case '$':
    case '!':
    case '=': return text(input, *head, into);
    default: break;
  }
  Result<Got> got = Got::scalar;
  switch (head->front()) {
    case '*':
    case '~':
    case '>':
    case '%':
    case '|': got = open(*head, into); break;
    default: got = scalar(*head, into); break;
  }
  input.remove_prefix(head->size() + kEnd.size());
  return got;
}

Result<RespDecoder::Got> RespDecoder::text(std::string_view& input, std::string_view head, Value& into) {
  const auto begin = head.size() + kEnd.size();
  std::size_t size = 0;
  if (head == "$-1") {
    input.remove_prefix(begin);
    return Got::scalar;
  }
  if (!length(head.substr(1), size)) return broken("a length");
  if (size > limits_.value_bytes) return too_large();
  if (input.size() < begin + size + kEnd.size()) {
    wants_ = begin + size + kEnd.size();
    return Got::more;
  }
  std::string_view bytes = input.substr(begin, size);
  if (input.substr(begin + size, 2) != kEnd) return broken("a text longer than it says");
  if (!charge(size)) return too_large();
  if (head.front() == '=') {
    if (size < 4 || bytes[3] != ':') return broken("a verbatim text without its kind");
    bytes.remove_prefix(4);
  }
  into.kind = head.front() == '!' ? Value::Kind::error : Value::Kind::text;
  into.text = bytes;
  input.remove_prefix(begin + size + kEnd.size());
  return Got::scalar;
}

Result<RespDecoder::Got> RespDecoder::open(std::string_view head, Value& into) {
  const char kind = head.front();
  std::size_t count = 0;
  if (head == "*-1") return Got::scalar;
  if (!length(head.substr(1), count)) return broken("a count");
  if (kind == '%' || kind == '|') count *= 2;
  if (kind == '>' && !open_.empty()) return broken("a push inside a value");
  if (count > limits_.value_bytes / sizeof(Value)) return too_large();
  if (open_.size() >= limits_.depth) return broken("nested too deep");
  if (kind == '|') {
    // The place is not the attribute's own.
    if (!open_.empty() && &into != &root_) open_.back().list->items.pop_back();
    if (count == 0) return Got::opened;
    skipped_ = {};
    for (const Open& one : open_) {
      if (one.attribute) return broken("an attribute inside an attribute");
    }
    open_.push_back({&skipped_, count, true});
    return Got::opened;
  }
  into.kind = kind == '%' ? Value::Kind::map : kind == '>' ? Value::Kind::push : Value::Kind::list;
  if (count == 0) return Got::scalar;
  // Kept from moving while its items are read: a list grows only at its end, and only while it is the innermost.
  into.items.reserve(std::min(count, kReserveMax));
  open_.push_back({&into, count, false});
  return Got::opened;
}

Result<RespDecoder::Got> RespDecoder::scalar(std::string_view head, Value& into) {
  const std::string_view rest = head.substr(1);
  bool fine = true;
  switch (head.front()) {
    case '+':
      into.kind = Value::Kind::text;
      into.text = rest;
      break;
    case '-':
      into.kind = Value::Kind::error;
      into.text = rest;
      break;
    case '(':
      into.kind = Value::Kind::text;
      into.text = rest;
      fine = !rest.empty() && rest.find_first_not_of("0123456789", rest[0] == '-' ? 1 : 0) == std::string_view::npos;
      break;
    case ':':
      into.kind = Value::Kind::number;
      fine = whole(rest, into.number);
      break;
    case ',':
      into.kind = Value::Kind::real;
      fine = real(rest, into.real);
      break;
    case '#':
      into.kind = Value::Kind::boolean;
      into.number = rest == "t" ? 1 : 0;
      fine = rest == "t" || rest == "f";
      break;
    case '_': fine = rest.empty(); break;
    default: return broken("a kind that is none");
  }
  if (!fine) return broken("a number, or what stands for one");
  if (!charge(into.text.size())) return too_large();
  return Got::scalar;
}

}  // namespace gatecast::redis
