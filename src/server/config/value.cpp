#include "server/config/value.hpp"

#include <fmt/ranges.h>

#include <charconv>

#include "core/log_render.hpp"
#include "core/time_text.hpp"

namespace gatecast::server {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};
// The largest first: formatting takes the first that divides.
constexpr Unit kTimes[] = {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};
constexpr Unit kSizes[] = {{"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}, {"B", 1}};

/// "12h" as 12 times the unit; nothing where the number or the unit is not one, or the product is too large.
std::optional<std::int64_t> with_unit(std::string_view text, std::span<const Unit> units) {
  std::int64_t number = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc{} || number < 0 || text.empty() || text[0] == '-') return std::nullopt;
  std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    std::int64_t out = 0;
    if (__builtin_mul_overflow(number, unit.factor, &out)) return std::nullopt;
    return out;
  }
  return std::nullopt;
}

std::string format_unit(std::int64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.factor == 0) return fmt::format("{}{}", value / unit.factor, unit.name);
  }
  return fmt::format("0{}", units[units.size() - 2].name);
}

std::optional<std::int64_t> integer_of(const Raw& raw) {
  if (const auto* i = std::get_if<std::int64_t>(&raw.value)) return *i;
  const auto* text = raw.text();
  if (!raw.from_text || text == nullptr) return std::nullopt;
  std::int64_t out = 0;
  auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), out);
  if (ec != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return out;
}

std::optional<double> number_of(const Raw& raw) {
  if (const auto* number = std::get_if<double>(&raw.value)) return *number;
  if (const auto integer = integer_of(raw)) return static_cast<double>(*integer);
  const auto* text = raw.text();
  if (!raw.from_text || text == nullptr) return std::nullopt;
  double out = 0;
  auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), out, std::chars_format::fixed);
  if (ec != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return out;
}

std::string format_share(std::int64_t thousandths) {
  return fmt::format("{}", static_cast<double>(thousandths) / 1000);
}

bool is_choice(std::string_view choices, std::string_view value) {
  while (true) {
    auto bar = choices.find('|');
    if (choices.substr(0, bar) == value) return true;
    if (bar == std::string_view::npos) return false;
    choices.remove_prefix(bar + 1);
  }
}
std::string choices_text(std::string_view choices) {
  std::string out;
  while (!choices.empty()) {
    auto bar = std::min(choices.find('|'), choices.size());
    if (bar > 0) out += fmt::format("{}{}", out.empty() ? "" : ", ", choices.substr(0, bar));
    choices.remove_prefix(std::min(bar + 1, choices.size()));
  }
  return out;
}

/// What was written, short enough for a message; never asked for secrets.
std::string written(const Raw& raw) {
  if (const auto* text = raw.text()) return quote(*text);
  if (const auto* boolean = std::get_if<bool>(&raw.value)) return *boolean ? "true" : "false";
  if (const auto* integer = std::get_if<std::int64_t>(&raw.value)) return std::to_string(*integer);
  if (const auto* number = std::get_if<double>(&raw.value)) return fmt::format("{}", *number);
  return raw.table() != nullptr ? "a table" : "a list";
}

struct Assign {
  const Row& row;
  const Raw& raw;

  std::string range(std::int64_t value, auto format) const {
    if (value < row.min) return fmt::format("{} is too small: at least {}", format(value), format(row.min));
    if (value > row.max) return fmt::format("{} is too large: at most {}", format(value), format(row.max));
    return "";
  }
  std::string operator()(bool* out) const {
    if (const auto* b = std::get_if<bool>(&raw.value)) {
      *out = *b;
      return "";
    }
    const auto* text = raw.text();
    if (raw.from_text && text != nullptr && (*text == "true" || *text == "false")) {
      *out = *text == "true";
      return "";
    }
    return fmt::format("must be true or false, is {}", written(raw));
  }
  std::string operator()(std::uint32_t* out) const {
    auto value = integer_of(raw);
    if (!value) return fmt::format("must be a whole number, is {}", written(raw));
    auto problem = range(*value, [](std::int64_t v) { return std::to_string(v); });
    if (problem.empty()) *out = static_cast<std::uint32_t>(*value);
    return problem;
  }
  std::string operator()(double* out) const {
    auto value = number_of(raw);
    if (!value) return fmt::format("must be a number such as 0.05, is {}", written(raw));
    // Written so that a NaN is refused too.
    if (!(*value >= static_cast<double>(row.min) / 1000 && *value <= static_cast<double>(row.max) / 1000)) {
      return fmt::format("must be from {} to {}, is {}", format_share(row.min), format_share(row.max), written(raw));
    }
    *out = *value;
    return "";
  }
  std::string operator()(std::uint64_t* out) const {
    auto value = integer_of(raw);
    if (!value && raw.text() != nullptr) {
      if (auto size = parse_size(*raw.text())) value = static_cast<std::int64_t>(*size);
    }
    if (!value) return fmt::format("must be a size such as 65536, \"64KB\" or \"8MB\", is {}", written(raw));
    auto problem = range(
        *value, [](std::int64_t v) { return v < 0 ? std::to_string(v) : format_size(static_cast<std::uint64_t>(v)); });
    if (problem.empty()) *out = static_cast<std::uint64_t>(*value);
    return problem;
  }
  std::string operator()(Millis* out) const {
    std::optional<Millis> value;
    if (raw.text() != nullptr) value = parse_duration(*raw.text());
    if (!value)
      return fmt::format("must be a duration such as \"30s\", \"5m\", \"12h\" or \"30d\", is {}", written(raw));
    auto problem = range(value->count(), [](std::int64_t v) { return format_duration(Millis{v}); });
    if (problem.empty()) *out = *value;
    return problem;
  }
  std::string choice(const std::string& value) const {
    if (row.choices.empty() || is_choice(row.choices, value)) return "";
    return fmt::format("must be one of {}, is {}", choices_text(row.choices), quote(value));
  }
  std::string operator()(std::string* out) const {
    if (raw.text() == nullptr) return fmt::format("must be a text in quotes, is {}", written(raw));
    if (raw.text()->find('\0') != std::string::npos) return "contains a zero byte";
    auto problem = choice(*raw.text());
    if (problem.empty()) *out = *raw.text();
    return problem;
  }
  std::string operator()(ServiceUrl* out) const {
    if (raw.text() == nullptr) return "must be a URL in quotes";
    const std::string& text = *raw.text();
    const auto bad = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '"' || c == '\''; };
    if (std::ranges::any_of(text, bad)) return "contains a blank, a quote or a control character";
    *out = ServiceUrl(text);
    return "";
  }
  std::string operator()(Strings* out) const {
    Strings values;
    if (raw.text() != nullptr) {
      // One text stands for a list of one.
      values.push_back(*raw.text());
    } else if (raw.list() != nullptr) {
      for (const Raw& item : *raw.list()) {
        if (item.text() == nullptr) return fmt::format("must be a list of texts, contains {}", written(item));
        values.push_back(*item.text());
      }
    } else {
      return fmt::format("must be a list of texts such as [\"a\", \"b\"], is {}", written(raw));
    }
    for (const std::string& value : values) {
      if (auto problem = choice(value); !problem.empty()) return problem;
    }
    *out = std::move(values);
    return "";
  }
  std::string operator()(Secret* out) const {
    if (raw.text() == nullptr) return "must be a text in quotes";
    if (raw.text()->size() > 4096) return "is longer than 4096 bytes";
    *out = Secret(*raw.text());
    return "";
  }
  std::string operator()(ClaimsConfig* out) const {
    if (raw.text() != nullptr) {
      auto problem = choice(*raw.text());
      if (problem.empty()) *out = {.profile = *raw.text(), .members = {}};
      return problem;
    }
    if (raw.table() == nullptr) return fmt::format("must be a profile's name or a table, is {}", written(raw));
    ClaimsConfig claims{.profile = "", .members = {}};
    for (const auto& [claim, source] : *raw.table()) {
      if (source.text() == nullptr) return fmt::format("{} must name a source such as \"user.nickname\"", quote(claim));
      claims.members.emplace_back(claim, *source.text());
    }
    *out = std::move(claims);
    return "";
  }
  std::string operator()(std::int64_t* out) const {
    auto value = integer_of(raw);
    if (!value) return fmt::format("must be a whole number, is {}", written(raw));
    auto problem = range(*value, [](std::int64_t v) { return std::to_string(v); });
    if (problem.empty()) *out = *value;
    return problem;
  }
  std::string operator()(Numbers* out) const {
    // One number stands for a list of one.
    const Raw::List one{raw};
    Numbers values;
    for (const Raw& item : raw.list() != nullptr ? *raw.list() : one) {
      auto value = integer_of(item);
      if (!value || *value < 0) return fmt::format("must be a list of numbers such as [1, 137], is {}", written(item));
      values.push_back(static_cast<std::uint64_t>(*value));
    }
    *out = std::move(values);
    return "";
  }
  std::string operator()(std::optional<WallTime>* out) const {
    std::optional<WallTime> value;
    if (raw.text() != nullptr) value = parse_rfc3339(*raw.text());
    if (!value) return fmt::format("must be a moment such as \"2027-01-31T00:00:00Z\", is {}", written(raw));
    *out = value;
    return "";
  }
};

struct Show {
  std::string operator()(const bool* v) const { return *v ? "true" : "false"; }
  std::string operator()(const std::uint32_t* v) const { return std::to_string(*v); }
  std::string operator()(const double* v) const { return fmt::format("{}", *v); }
  std::string operator()(const std::uint64_t* v) const { return quote(format_size(*v)); }
  std::string operator()(const Millis* v) const { return quote(format_duration(*v)); }
  std::string operator()(const std::string* v) const { return quote(*v); }
  std::string operator()(const Strings* v) const {
    std::string out = "[";
    for (const auto& item : *v) out += fmt::format("{}{}", out.size() == 1 ? "" : ", ", quote(item));
    return out + "]";
  }
  std::string operator()(const Secret* v) const { return v->empty() ? "\"\"" : "\"***\""; }
  std::string operator()(const ServiceUrl* v) const { return quote(v->shown()); }
  std::string operator()(const std::int64_t* v) const { return std::to_string(*v); }
  std::string operator()(const Numbers* v) const { return fmt::format("[{}]", fmt::join(*v, ", ")); }
  std::string operator()(const ClaimsConfig* v) const {
    if (v->members.empty() && !v->profile.empty()) return quote(v->profile);
    std::string out = "{";
    for (const auto& [claim, source] : v->members) {
      out += fmt::format("{}{} = {}", out.size() == 1 ? "" : ", ", quote(claim), quote(source));
    }
    return out + "}";
  }
  std::string operator()(const std::optional<WallTime>* v) const { return *v ? quote(format_rfc3339(**v)) : "\"\""; }
};

struct TypeName {
  std::string_view operator()(const bool*) const { return "boolean"; }
  std::string_view operator()(const std::uint32_t*) const { return "number"; }
  std::string_view operator()(const double*) const { return "share"; }
  std::string_view operator()(const std::uint64_t*) const { return "size"; }
  std::string_view operator()(const Millis*) const { return "duration"; }
  std::string_view operator()(const std::string*) const { return "text"; }
  std::string_view operator()(const Strings*) const { return "list"; }
  std::string_view operator()(const Secret*) const { return "secret"; }
  std::string_view operator()(const std::optional<WallTime>*) const { return "moment"; }
  std::string_view operator()(const ServiceUrl*) const { return "URL"; }
  std::string_view operator()(const std::int64_t*) const { return "number"; }
  std::string_view operator()(const Numbers*) const { return "list of numbers"; }
  std::string_view operator()(const ClaimsConfig*) const { return "profile or table"; }
};

}  // namespace

std::optional<Millis> parse_duration(std::string_view text) {
  auto value = with_unit(text, kTimes);
  if (!value) return std::nullopt;
  return Millis{*value};
}
std::string format_duration(Millis duration) { return format_unit(duration.count(), kTimes); }

std::optional<std::uint64_t> parse_size(std::string_view text) {
  auto value = with_unit(text, kSizes);
  if (!value) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}
std::string format_size(std::uint64_t bytes) {
  return bytes == 0 ? "0B" : format_unit(static_cast<std::int64_t>(bytes), kSizes);
}

std::string quote(std::string_view text) {
  std::string out;
  log::append_json_string(out, text);
  return out;
}

std::string assign(const Row& row, const Slot& slot, const Raw& raw) { return std::visit(Assign{row, raw}, slot); }
std::string show(const Slot& slot) { return std::visit(Show{}, slot); }
std::string_view type_name(const Slot& slot) { return std::visit(TypeName{}, slot); }

}  // namespace gatecast::server
