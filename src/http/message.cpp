#include "http/message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "http/token.hpp"

namespace gatecast::http {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Fields that serialize() writes itself, from what it knows.
bool is_own(std::string_view name) {
  return iequals(name, "content-length") || iequals(name, "date") || iequals(name, "connection") ||
         iequals(name, "transfer-encoding");
}

void append_value(std::string& out, std::string_view value) {
  for (const char c : value) {
    const auto u = static_cast<unsigned char>(c);
    if ((u >= ' ' && u != 0x7F) || c == '\t') out.push_back(c);
  }
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  if (!is_token(name)) std::abort();
  out.append(name).append(": ");
  append_value(out, value);
  out.append("\r\n");
}

}  // namespace

bool iequals(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view find_header(const Headers& headers, std::string_view name) {
  const auto found = std::ranges::find_if(headers, [name](const Header& h) { return iequals(h.first, name); });
  return found == headers.end() ? std::string_view{} : std::string_view(found->second);
}

std::string join_header(const Headers& headers, std::string_view name) {
  std::string out;
  bool first = true;
  for (const auto& [field, value] : headers) {
    if (!iequals(field, name)) continue;
    if (!first) out += ", ";
    first = false;
    out += value;
  }
  return out;
}

void Response::set(std::string_view name, std::string_view value) {
  const auto found = std::ranges::find_if(headers, [name](const Header& h) { return iequals(h.first, name); });
  if (found == headers.end()) {
    headers.emplace_back(name, value);
  } else {
    found->second = value;
  }
}

std::string serialize(const Response& response, bool head, std::string_view date) {
  // RFC 9110 §6.4.1, §8.6: these have neither body nor Content-Length.
  const bool bodiless = response.status < 200 || response.status == 204 || response.status == 304;
  std::string out;
  out.reserve(256 + response.body.size());
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status));
  append_field(out, "Date", date);
  for (auto it = response.headers.begin(); it != response.headers.end(); ++it) {
    const auto same = [it](const Header& h) { return iequals(h.first, it->first); };
    if (is_own(it->first) || std::find_if(response.headers.begin(), it, same) != it) continue;
    append_field(out, it->first, it->second);
  }
  if (!bodiless) fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", response.body.size());
  if (response.close) out += "Connection: close\r\n";
  out += "\r\n";
  if (!bodiless && !head) out += response.body;
  return out;
}

std::string http_date(WallTime t) {
  using namespace std::chrono;
  constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = floor<days>(t);
  const year_month_day date{day};
  const hh_mm_ss time{floor<seconds>(t - day)};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[weekday{day}.c_encoding()],
                     static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
                     time.seconds().count());
}

std::string_view reason_phrase(unsigned status) {
  static constexpr std::array<std::pair<unsigned, std::string_view>, 33> kPhrases{{
      {100, "Continue"},
      {101, "Switching Protocols"},
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {303, "See Other"},
      {304, "Not Modified"},
      {307, "Temporary Redirect"},
      {308, "Permanent Redirect"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {410, "Gone"},
      {413, "Content Too Large"},
      {415, "Unsupported Media Type"},
      {417, "Expectation Failed"},
      {422, "Unprocessable Content"},
      {426, "Upgrade Required"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
  }};
  const auto found = std::ranges::find(kPhrases, status, &std::pair<unsigned, std::string_view>::first);
  return found == kPhrases.end() ? std::string_view{} : found->second;
}

}  // namespace gatecast::http
