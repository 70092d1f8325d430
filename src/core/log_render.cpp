#include "core/log_render.hpp"

#include <cmath>
#include <iterator>

namespace gatecast::log {
namespace {

/// Length of the valid UTF-8 character at `at`, or 0: overlong forms, surrogates, values over U+10FFFF are refused.
std::size_t character(std::string_view s, std::size_t at) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(i < s.size() ? s[i] : 0); };
  auto tail = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  unsigned char a = byte(at);
  unsigned char b = byte(at + 1);
  if (a < 0x80) return 1;
  if (a >= 0xC2 && a <= 0xDF) return tail(at + 1) ? 2 : 0;
  if (a >= 0xE0 && a <= 0xEF) {
    if (!tail(at + 1) || !tail(at + 2) || (a == 0xE0 && b < 0xA0) || (a == 0xED && b > 0x9F)) return 0;
    return 3;
  }
  if (a >= 0xF0 && a <= 0xF4) {
    if (!tail(at + 1) || !tail(at + 2) || !tail(at + 3) || (a == 0xF0 && b < 0x90) || (a == 0xF4 && b > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

bool is_control(std::string_view s, std::size_t at, std::size_t length) {
  auto a = static_cast<unsigned char>(s[at]);
  if (length == 1) return a < 0x20 || a == 0x7F;
  // U+0080 to U+009F: terminals obey some of them.
  return length == 2 && a == 0xC2 && static_cast<unsigned char>(s[at + 1]) < 0xA0;
}

/// Appends the characters of `s`, at most kMaxValueBytes of them, with quotes, backslashes and controls escaped.
void append_escaped(std::string& out, std::string_view s) {
  std::size_t at = 0;
  while (at < s.size()) {
    std::size_t length = character(s, at);
    if (at + (length == 0 ? 1 : length) > kMaxValueBytes) {
      out += "…";
      return;
    }
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      ++at;
      continue;
    }
    if (is_control(s, at, length)) {
      unsigned code = static_cast<unsigned char>(s[at + length - 1]);
      if (s[at] == '\n') {
        out += "\\n";
      } else if (s[at] == '\r') {
        out += "\\r";
      } else if (s[at] == '\t') {
        out += "\\t";
      } else {
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", code);
      }
    } else if (s[at] == '"' || s[at] == '\\') {
      out += '\\';
      out += s[at];
    } else {
      out.append(s, at, length);
    }
    at += length;
  }
}

/// Whether a value reads well without quotes: no blank, quote, equals sign, control, and not empty.
bool is_bare(std::string_view s) {
  if (s.empty() || s.size() > kMaxValueBytes) return false;
  for (char c : s) {
    if (c <= 0x20 || c == 0x7F || c == '"' || c == '\\' || c == '=') return false;
  }
  return true;
}

struct JsonValue {
  std::string& out;
  void operator()(std::string_view v) const { append_json_string(out, v); }
  void operator()(bool v) const { out += v ? "true" : "false"; }
  void operator()(double v) const {
    if (std::isfinite(v)) {
      fmt::format_to(std::back_inserter(out), "{}", v);
    } else {
      out += "null";
    }
  }
  void operator()(std::integral auto v) const { fmt::format_to(std::back_inserter(out), "{}", v); }
};

struct TextValue {
  std::string& out;
  void operator()(std::string_view v) const {
    if (is_bare(v)) {
      out += v;
    } else {
      append_json_string(out, v);
    }
  }
  void operator()(bool v) const { out += v ? "true" : "false"; }
  void operator()(auto v) const { fmt::format_to(std::back_inserter(out), "{}", v); }
};

struct Civil {
  std::chrono::year_month_day date;
  std::chrono::hh_mm_ss<std::chrono::milliseconds> time;
};
Civil civil(std::int64_t wall_ms) {
  std::chrono::sys_time<std::chrono::milliseconds> t{std::chrono::milliseconds{wall_ms}};
  auto day = std::chrono::floor<std::chrono::days>(t);
  return {std::chrono::year_month_day{day}, std::chrono::hh_mm_ss<std::chrono::milliseconds>{t - day}};
}

}  // namespace

std::string_view level_name(Level level) {
  switch (level) {
    case Level::debug: return "debug";
    case Level::info: return "info";
    case Level::warn: return "warn";
    case Level::error: return "error";
  }
  return "error";
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

std::string utc_date(std::int64_t wall_ms) {
  auto c = civil(wall_ms);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(c.date.year()), static_cast<unsigned>(c.date.month()),
                     static_cast<unsigned>(c.date.day()));
}

std::string render_json(std::int64_t wall_ms, Level level, std::string_view event,
                        std::initializer_list<Field> fields) {
  auto c = civil(wall_ms);
  std::string out = fmt::format(R"({{"time":"{}T{:02}:{:02}:{:02}.{:03}Z","level":"{}","event":)", utc_date(wall_ms),
                                c.time.hours().count(), c.time.minutes().count(), c.time.seconds().count(),
                                c.time.subseconds().count(), level_name(level));
  append_json_string(out, event);
  for (const Field& field : fields) {
    out += ',';
    append_json_string(out, field.name);
    out += ':';
    std::visit(JsonValue{out}, field.value);
  }
  out += '}';
  return out;
}

std::string render_text(std::int64_t wall_ms, long zone_seconds, Level level, std::string_view event,
                        std::initializer_list<Field> fields) {
  auto c = civil(wall_ms + zone_seconds * 1000);
  std::string out = fmt::format("{:02}:{:02}:{:02} {:<5} ", c.time.hours().count(), c.time.minutes().count(),
                                c.time.seconds().count(), level_name(level));
  append_escaped(out, event);
  bool first = true;
  for (const Field& field : fields) {
    out += first ? "  " : " ";
    first = false;
    append_escaped(out, field.name);
    out += '=';
    std::visit(TextValue{out}, field.value);
  }
  return out;
}

}  // namespace gatecast::log
