#include "core/time_text.hpp"

#include <fmt/format.h>

namespace gatecast {
namespace {

constexpr WallTime kFirst{std::chrono::sys_days{std::chrono::year{0} / 1 / 1}};
constexpr WallTime kEnd{std::chrono::sys_days{std::chrono::year{10'000} / 1 / 1}};

// Reads an RFC 3339 date-time from left to right; the first thing out of place stops it for good.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  // Exactly `count` digits with a value in [low, high].
  int number(std::size_t count, int low, int high) {
    if (rest_.size() < count) return fail();
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return fail();
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    return value >= low && value <= high ? value : fail();
  }

  // One character of `any`, which is returned; 0 where none of them stands there.
  char one_of(std::string_view any) {
    if (rest_.empty() || any.find(rest_.front()) == std::string_view::npos) {
      fail();
      return 0;
    }
    const char found = rest_.front();
    rest_.remove_prefix(1);
    return found;
  }

  // `.digits`, where it stands: at least one digit, any number of them, cut to milliseconds.
  int fraction_ms() {
    if (!rest_.starts_with('.')) return 0;
    rest_.remove_prefix(1);
    int ms = 0;
    int scale = 100;
    std::size_t digits = 0;
    while (digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9') {
      ms += (rest_[digits] - '0') * scale;
      scale /= 10;
      ++digits;
    }
    if (digits == 0) return fail();
    rest_.remove_prefix(digits);
    return ms;
  }

  bool ended_well() const { return good_ && rest_.empty(); }

 private:
  int fail() {
    good_ = false;
    rest_ = {};
    return 0;
  }

  std::string_view rest_;
  bool good_ = true;
};

std::chrono::minutes read_offset(Reader& reader) {
  const char sign = reader.one_of("Zz+-");
  if (sign != '+' && sign != '-') return std::chrono::minutes{0};
  const std::chrono::hours hours{reader.number(2, 0, 23)};
  reader.one_of(":");
  const std::chrono::minutes offset = hours + std::chrono::minutes{reader.number(2, 0, 59)};
  return sign == '+' ? offset : -offset;
}

}  // namespace

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  Reader reader(text);
  const std::chrono::year year{reader.number(4, 0, 9999)};
  reader.one_of("-");
  const std::chrono::month month{static_cast<unsigned>(reader.number(2, 1, 12))};
  reader.one_of("-");
  const std::chrono::day day{static_cast<unsigned>(reader.number(2, 1, 31))};
  reader.one_of("Tt");
  const std::chrono::hours hour{reader.number(2, 0, 23)};
  reader.one_of(":");
  const std::chrono::minutes minute{reader.number(2, 0, 59)};
  reader.one_of(":");
  const int second = reader.number(2, 0, 60);
  const int fraction = reader.fraction_ms();
  const std::chrono::minutes offset = read_offset(reader);

  const std::chrono::year_month_day date{year, month, day};
  if (!reader.ended_well() || !date.ok()) return std::nullopt;
  const std::chrono::milliseconds in_minute =
      second == 60 ? std::chrono::milliseconds{59'999} : std::chrono::milliseconds{second * 1000 + fraction};
  const WallTime t = WallTime{std::chrono::sys_days{date}} + hour + minute + in_minute - offset;
  // An offset can carry a time over the edge of the years that have four digits, and so have this form in UTC.
  if (t < kFirst || t >= kEnd) return std::nullopt;
  return t;
}

std::string format_rfc3339(WallTime t) {
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{t - day};
  std::string out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                time.hours().count(), time.minutes().count(), time.seconds().count());
  if (time.subseconds().count() != 0) out += fmt::format(".{:03}", time.subseconds().count());
  return out += 'Z';
}

}  // namespace gatecast
