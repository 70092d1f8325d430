#include "broker/redis_url.hpp"

#include <algorithm>
#include <charconv>

namespace gatecast::broker {
namespace {

constexpr std::size_t kUrlBytesMax = 2048;
constexpr std::size_t kHostsMax = 64;
constexpr std::uint16_t kSentinelPort = 26379;

Error wrong(std::string detail) { return fail(Errc::config_invalid, std::move(detail)); }

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// False where a '%' is not followed by two digits.
bool decode(std::string_view text, std::string& out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex(text[i + 1]) : -1;
    const int low = high < 0 ? -1 : hex(text[i + 2]);
    if (low < 0) return false;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return true;
}

template <class T>
bool number(std::string_view text, T max, T& out) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc{} && end == text.data() + text.size() && out <= max;
}

bool host_letters(std::string_view text, std::string_view more) {
  return std::all_of(text.begin(), text.end(), [more](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || more.contains(c);
  });
}

Result<RedisAddress> address_of(std::string_view text, std::uint16_t port) {
  RedisAddress out{.port = port};
  std::string_view rest;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    out.host = text.substr(1, close == std::string_view::npos ? close : close - 1);
    if (close == std::string_view::npos || !out.host.contains(':') || !host_letters(out.host, ":.%")) {
      return wrong("an address in brackets is not closed, or is not IPv6");
    }
    rest = text.substr(close + 1);
  } else {
    const auto colon = std::min(text.find(':'), text.size());
    out.host = text.substr(0, colon);
    rest = text.substr(colon);
    if (out.host.empty()) return wrong("a host is missing");
    if (out.host.size() > 253 || !host_letters(out.host, ".-_")) return wrong("a host has letters no host has");
  }
  if (!rest.empty() && (rest[0] != ':' || !number<std::uint16_t>(rest.substr(1), 65535, out.port) || out.port == 0)) {
    return wrong(fmt::format("the port of {} is not a number from 1 to 65535", out.host));
  }
  return out;
}

Result<void> take_hosts(std::string_view text, RedisUrl& out) {
  const std::uint16_t port = out.form == RedisUrl::Form::sentinel ? kSentinelPort : RedisAddress{}.port;
  while (true) {
    const auto comma = text.find(',');
    auto one = address_of(text.substr(0, comma), port);
    if (!one) return one.error();
    out.hosts.push_back(std::move(*one));
    if (out.hosts.size() > kHostsMax) return wrong("more than 64 hosts");
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  if (out.form == RedisUrl::Form::standalone && out.hosts.size() > 1) {
    return wrong("several hosts need redis+sentinel:// or redis+cluster://");
  }
  return {};
}

Result<void> take_login(std::string_view text, RedisUrl& out) {
  const auto colon = text.find(':');
  std::string password;
  if (!decode(text.substr(0, colon), out.user) ||
      (colon != std::string_view::npos && !decode(text.substr(colon + 1), password))) {
    return wrong("user or password has a '%' that is not followed by two hexadecimal digits");
  }
  out.password = Secret(std::move(password));
  if (!out.user.empty() && out.password.empty()) return wrong("a user without a password");
  return {};
}

Result<void> take_path(std::string_view path, RedisUrl& out) {
  if (out.form == RedisUrl::Form::sentinel) {
    const auto slash = path.find('/');
    if (!decode(path.substr(0, slash), out.master) || out.master.empty() ||
        !std::all_of(out.master.begin(), out.master.end(), [](char c) { return c > 0x20 && c < 0x7F; })) {
      return wrong("the master's name is missing: redis+sentinel://HOST,HOST/NAME");
    }
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  }
  if (path.empty()) return {};
  if (out.form == RedisUrl::Form::cluster) return wrong("a cluster has no numbered databases");
  if (!number<unsigned>(path, 65535, out.db)) return wrong("the database is not a number");
  return {};
}

Result<void> take_query(std::string_view query, RedisUrl& out) {
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const auto equals = std::min(pair.find('='), pair.size());
    const std::string_view name = pair.substr(0, equals);
    std::string value;
    if (equals == pair.size() || !decode(pair.substr(equals + 1), value)) {
      return wrong(fmt::format("the parameter {} has no value, or a bad '%' in it", name));
    }
    const bool sentinel = out.form == RedisUrl::Form::sentinel;
    if (sentinel && name == "sentinel_user") {
      out.sentinel_user = std::move(value);
    } else if (sentinel && name == "sentinel_password") {
      out.sentinel_password = Secret(std::move(value));
    } else {
      return wrong(fmt::format("no such parameter: {}", name));
    }
  }
  if (!out.sentinel_user.empty() && out.sentinel_password.empty()) {
    return wrong("sentinel_user without sentinel_password");
  }
  return {};
}

}  // namespace

std::string RedisAddress::shown() const {
  return host.contains(':') ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

bool is_redis_scheme(std::string_view scheme) {
  if (scheme.starts_with("rediss")) {
    scheme.remove_prefix(6);
  } else if (scheme.starts_with("redis")) {
    scheme.remove_prefix(5);
  } else {
    return false;
  }
  return scheme.empty() || scheme == "+sentinel" || scheme == "+cluster";
}

Result<RedisUrl> parse_redis_url(const ServiceUrl& url) {
  std::string_view text = url.expose();
  const std::string_view scheme = url.scheme();
  if (text.size() > kUrlBytesMax) return wrong("longer than 2048 bytes");
  if (std::any_of(text.begin(), text.end(), [](char c) { return c <= 0x20 || c >= 0x7F; })) {
    return wrong("has a blank, or a letter that must be written as %XX");
  }
  if (!is_redis_scheme(scheme) || !text.substr(scheme.size()).starts_with("://")) {
    return wrong("is not redis://, rediss://, redis+sentinel:// or redis+cluster://");
  }
  RedisUrl out;
  out.tls = scheme.starts_with("rediss");
  out.form = scheme.ends_with("+sentinel")  ? RedisUrl::Form::sentinel
             : scheme.ends_with("+cluster") ? RedisUrl::Form::cluster
                                            : RedisUrl::Form::standalone;
  text.remove_prefix(scheme.size() + 3);
  if (text.contains('#')) return wrong("has a '#': write it as %23");
  const auto question = std::min(text.find('?'), text.size());
  const std::string_view query = text.substr(std::min(question + 1, text.size()));
  text = text.substr(0, question);
  const auto slash = std::min(text.find('/'), text.size());
  const std::string_view path = text.substr(std::min(slash + 1, text.size()));
  // A '/' or '?' in a password must be written as %2F, %3F: the check would else show a part of it as host.
  if (path.contains('@') || query.contains('@'))
    return wrong("user or password has a '/', '?' or '@': write %2F, %3F, %40");
  std::string_view authority = text.substr(0, slash);
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    if (authority.substr(0, at).contains('@')) return wrong("user or password has an '@': write %40");
    if (auto taken = take_login(authority.substr(0, at), out); !taken) return taken.error();
    authority.remove_prefix(at + 1);
  }
  if (auto taken = take_hosts(authority, out); !taken) return taken.error();
  if (auto taken = take_path(path, out); !taken) return taken.error();
  if (auto taken = take_query(query, out); !taken) return taken.error();
  return out;
}

bool is_redis_prefix(std::string_view text) {
  return text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F && c != '{' && c != '}'; });
}

}  // namespace gatecast::broker
