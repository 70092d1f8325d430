#include "server/config/check.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <filesystem>

#include "http/client_ip.hpp"
#include "server/config/table.hpp"
#include "server/config/value.hpp"
#include "server/grant_pattern.hpp"

namespace gatecast::server {
namespace {

bool whole_number(std::string_view text, unsigned max, unsigned& out) {
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc{} && end == text.data() + text.size() && !text.empty() && out <= max;
}

bool is_ip(const std::string& text, int* bits = nullptr) {
  unsigned char buffer[16];
  if (inet_pton(AF_INET, text.c_str(), buffer) == 1) {
    if (bits != nullptr) *bits = 32;
    return true;
  }
  if (inet_pton(AF_INET6, text.c_str(), buffer) == 1) {
    if (bits != nullptr) *bits = 128;
    return true;
  }
  return false;
}

bool only(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}
constexpr std::string_view kHostLetters = "abcdefghijklmnopqrstuvwxyz0123456789.-";

/// "app.example" or "localhost:3002" or "[::1]:3002", as browsers write hosts: lower case, no default port.
bool is_host(std::string_view text) {
  std::string_view port;
  if (text.starts_with('[')) {
    auto close = text.find(']');
    if (close == std::string_view::npos || !is_ip(std::string(text.substr(1, close - 1)))) return false;
    port = text.substr(close + 1);
  } else {
    auto colon = text.find(':');
    std::string_view host = text.substr(0, colon);
    if (host.empty() || !only(host, kHostLetters)) return false;
    port = colon == std::string_view::npos ? std::string_view{} : text.substr(colon);
  }
  unsigned number = 0;
  return port.empty() || (port[0] == ':' && whole_number(port.substr(1), 65535, number) && number != 0);
}

/// The host of an origin, or "" where the text is none.
std::string_view origin_host(std::string_view text) {
  for (std::string_view scheme : {"https://", "http://"}) {
    if (text.starts_with(scheme)) return text.substr(scheme.size());
  }
  return {};
}

bool loopback(const std::string& host) { return host.starts_with("127.") || host == "::1"; }

void check_addresses(const Config& c, Reporter& report) {
  constexpr std::string_view cure =
      "Write an IP address and a port: \"127.0.0.1:3002\", \"0.0.0.0:3002\" for all, \"[::1]:3002\".";
  std::string host, ops_host;
  std::uint16_t port = 0, ops_port = 0;
  bool http_fine = split_address(c.http.address, host, port);
  if (!http_fine)
    report.error("http.address", fmt::format("{} is not an address", quote(c.http.address)), std::string(cure));
  if (!split_address(c.ops.address, ops_host, ops_port)) {
    report.error("ops.address", fmt::format("{} is not an address", quote(c.ops.address)), std::string(cure));
    return;
  }
  if (!loopback(ops_host)) {
    report.warn("ops.address", "the operators' port is open to the network, and /metrics and /stats need no key",
                "Listen on 127.0.0.1, or keep others out with a firewall.");
  }
  if (http_fine && port == ops_port && port != 0 && host == ops_host) {
    report.error("ops.address", "is the same as http.address", "Give each its own port.");
  }
}

void check_http(const Config& c, Reporter& report) {
  const std::string& base = c.http.base_path;
  if (!base.empty() && (!base.starts_with('/') || base.ends_with('/') || base.find("//") != std::string::npos ||
                        !only(base, "/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"))) {
    report.error("http.base_path", fmt::format("{} is not a path prefix", quote(base)),
                 "Begin with a slash, end without one: \"/app\".");
  }
  for (const std::string& origin : c.http.allowed_origins) {
    if (!is_host(origin_host(origin))) {
      report.error("http.allowed_origins", fmt::format("{} is not an origin", quote(origin)),
                   "Write scheme and host as browsers send them, lower case, without a path: \"https://app.example\".");
    }
  }
  for (const std::string& proxy : c.http.trusted_proxies) {
    if (!http::TrustedProxies::parse({&proxy, 1})) {
      report.error("http.trusted_proxies", fmt::format("{} is neither an address nor a network", quote(proxy)),
                   "Write \"10.0.0.5\" or \"10.0.0.0/8\".");
    }
  }
}

void check_token(const Config& c, Reporter& report) {
  if (c.token.issuer.empty())
    report.error("token.issuer", "is empty", "Write the name tokens are issued under: \"app.example\".");
  if (c.token.audience.empty())
    report.error("token.audience", "is empty", "Write the name tokens are meant for: \"app.example\".");
  if (c.session.refresh_ttl < c.token.access_ttl) {
    report.error("session.refresh_ttl",
                 fmt::format("{} is less than token.access_ttl, {}", format_duration(c.session.refresh_ttl),
                             format_duration(c.token.access_ttl)),
                 "A session must outlive its access tokens.");
  }
  if (c.session.absolute_ttl < c.token.access_ttl) {
    report.error("session.absolute_ttl",
                 fmt::format("{} is less than token.access_ttl, {}", format_duration(c.session.absolute_ttl),
                             format_duration(c.token.access_ttl)),
                 "A session must outlive its access tokens.");
  }
}

/// What sign-in with the wallets of a chain says of the pages it is for.
void check_wallets(const std::string& section, const auto& s, Reporter& report) {
  if (s.enabled && s.domain.empty()) {
    report.error(section + ".domain", fmt::format("is missing while {}.enabled is true", section),
                 "Write the domain of the pages people sign in on: domain = \"app.example\".");
  }
  for (const std::string& domain : s.domain) {
    if (is_host(domain)) continue;
    std::string_view host = origin_host(domain);
    host = host.substr(0, host.find('/'));
    report.error(section + ".domain", fmt::format("{} is not a domain", quote(domain)),
                 is_host(host) ? fmt::format("Write {}.", quote(host))
                               : "Write it as the browser's address bar has it: \"app.example\", \"localhost:3000\".");
  }
  for (const std::string& uri : s.uri) {
    if (origin_host(uri).empty() ||
        !only(uri, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?#[]@!$&'()*+,;=%")) {
      report.error(section + ".uri", fmt::format("{} is not a URI", quote(uri)),
                   "Write \"https://app.example/login\".");
    }
  }
  bool printable = std::all_of(s.statement.begin(), s.statement.end(), [](char ch) { return ch >= 0x20 && ch < 0x7F; });
  if (!printable || s.statement.size() > 1000) {
    report.error(section + ".statement", "must be one line of ASCII, at most 1000 characters",
                 "Wallets show the statement as it is.");
  }
}

void check_realtime(const Config& c, Reporter& report) {
  if (c.realtime.pong >= c.realtime.ping) {
    report.error("realtime.pong",
                 fmt::format("{} is not less than realtime.ping, {}", format_duration(c.realtime.pong),
                             format_duration(c.realtime.ping)),
                 "An answer must arrive before the next ping.");
  }
  if (c.realtime.insecure && !c.dev) {
    report.error("realtime.insecure", "is allowed only with --dev",
                 "Remove it: without it every connection needs a token.");
  } else if (c.realtime.insecure) {
    report.warn("realtime.insecure", "anyone may connect, subscribe and publish without a token",
                "Remove it before anyone else can reach the server.");
  }
}

void check_limits(const Config& c, Reporter& report) {
  if (c.limits.queue_bytes < c.limits.message_bytes) {
    report.error("limits.queue_bytes", "is less than limits.message_bytes", "A queue must hold at least one message.");
  }
  if (c.limits.log_bytes_shard < c.limits.log_bytes_channel) {
    report.error("limits.log_bytes_shard", "is less than limits.log_bytes_channel",
                 "A shard must hold at least one channel's publications.");
  }
}

void check_grant(const NamespaceConfig& n, const std::string& key, Reporter& report) {
  if (n.grant.empty()) return;
  if (auto checked = check_grant_pattern(n.grant); !checked) {
    report.error(key, fmt::format("{}: {}", quote(n.grant), checked.error().detail),
                 "Write the resource as grant_add names it, with parts of the channel's name: \"post:{1}\".");
  }
  if (n.allow_user_limited_channels) {
    report.error(key, "is there beside allow_user_limited_channels, by which a channel's name alone lets users in",
                 "Keep one of the two.");
  }
  if (n.allow_subscribe_for_client || n.allow_subscribe_for_anonymous) {
    report.warn(key, "only who holds the grant may subscribe, whatever allow_subscribe_for_… says",
                "Leave these out of a namespace with a grant.");
  }
}

void check_namespaces(const Config& c, Reporter& report) {
  for (std::size_t i = 0; i < c.namespaces.size(); ++i) {
    const std::string& name = c.namespaces[i].name;
    std::string key = fmt::format("namespace[{}].name", i);
    if (name.size() > 64 || !only(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")) {
      report.error(key, fmt::format("{} is not a namespace's name", quote(name)),
                   "Use letters, digits, '-', '_' and '.', at most 64; the ':' after it belongs to the channel.");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (c.namespaces[j].name == name)
        report.error(key, fmt::format("{} is there twice", quote(name)), "Join the two tables.");
    }
    check_grant(c.namespaces[i], fmt::format("namespace[{}].grant", i), report);
  }
}

void check_compat(const Config& c, Reporter& report) {
  if (!c.compat.unsigned_wallet) return;
  report.warn("compat.unsigned_wallet", "anyone may read and remove the notifications of any wallet, without proof",
              "Let clients send their access token, watch gatecast_unsigned_wallet_total fall to 0, and turn it off.");
}

void resolve_paths(Loaded& loaded, Reporter& report) {
  Config& c = loaded.config;
  if (c.data.dir.empty()) {
    report.error("data.dir", "is empty", "Write the folder of the database: \"./data\".");
    return;
  }
  c.data.dir = resolve(loaded, "data.dir", c.data.dir);
  if (!c.log.dir.empty()) c.log.dir = join_path(c.data.dir, c.log.dir);
  check_store(loaded, report);
  for (auto [key, file] : {std::pair{"store.ca_file", &c.store.ca_file}, {"broker.ca_file", &c.broker.ca_file}}) {
    if (!file->empty()) *file = resolve(loaded, key, *file);
  }
  for (const char* port : {"http.tls", "ops.tls"}) {
    auto& tls = std::string_view(port) == "http.tls" ? c.http.tls : c.ops.tls;
    for (auto [name, file] : {std::pair{".cert", &tls.cert}, {".key", &tls.key}}) {
      if (!file->empty()) *file = resolve(loaded, fmt::format("{}{}", port, name), *file);
    }
  }
  for (std::size_t i = 0; i < c.token.keys.size(); ++i) {
    auto& file = c.token.keys[i].file;
    if (!file.empty()) file = resolve(loaded, fmt::format("token.key[{}].file", i), file);
  }
  for (std::size_t i = 0; i < c.token.trusted.size(); ++i) {
    auto& file = c.token.trusted[i].file;
    if (!file.empty()) file = resolve(loaded, fmt::format("token.trusted[{}].file", i), file);
  }
  if (!c.token.key_dir.empty()) c.token.key_dir = join_path(c.data.dir, c.token.key_dir);
  if (!c.outbound.ca_file.empty()) c.outbound.ca_file = resolve(loaded, "outbound.ca_file", c.outbound.ca_file);
  for (std::size_t i = 0; i < c.session.keys.size(); ++i) {
    auto& file = c.session.keys[i].file;
    if (!file.empty()) file = resolve(loaded, fmt::format("session.key[{}].file", i), file);
  }
}

/// The pages a developer opens are those of the server itself, whatever its port.
void fill_dev(Loaded& loaded) {
  Config& c = loaded.config;
  std::string host;
  std::uint16_t port = 0;
  if (!split_address(c.http.address, host, port) || port == 0) port = 3002;
  const std::string scheme = c.http.tls.on() ? "https://" : "http://";
  for (const char* name : {"localhost", "127.0.0.1"}) {
    std::string domain = fmt::format("{}:{}", name, port);
    if (!loaded.origins.contains("signin.solana.domain")) c.signin.solana.domain.push_back(domain);
    if (!loaded.origins.contains("signin.ethereum.domain")) c.signin.ethereum.domain.push_back(domain);
    if (!loaded.origins.contains("http.allowed_origins")) c.http.allowed_origins.push_back(scheme + domain);
  }
  loaded.origins.emplace("signin.solana.domain", "--dev");
  loaded.origins.emplace("signin.ethereum.domain", "--dev");
  loaded.origins.emplace("http.allowed_origins", "--dev");
}

}  // namespace

void Reporter::add(Finding::Level level, std::string key, std::string text, std::string cure) {
  // A key that was not given stands where its table stands; that failing, it is a default.
  std::string where = "default";
  if (auto at = loaded_.origins.find(key); at != loaded_.origins.end()) {
    where = at->second;
  } else if (auto bracket = key.find('['); bracket != std::string::npos) {
    std::string prefix = key.substr(0, key.find(']') + 1) + ".";
    auto near = loaded_.origins.lower_bound(prefix);
    bool inside = near != loaded_.origins.end() && near->first.starts_with(prefix);
    if (inside) where = near->second;
    if (auto array = loaded_.origins.find(key.substr(0, bracket)); !inside && array != loaded_.origins.end()) {
      where = array->second;
    }
  }
  loaded_.findings.push_back({level, std::move(where), std::move(key), std::move(text), std::move(cure)});
}

std::string join_path(const std::string& folder, const std::string& path) {
  return (std::filesystem::path(folder) / path).lexically_normal().string();
}

std::string resolve(const Loaded& loaded, std::string_view key, const std::string& path) {
  auto folder = loaded.folders.find(key);
  return join_path(folder == loaded.folders.end() ? "" : folder->second, path);
}

bool split_address(std::string_view address, std::string& host, std::uint16_t& port) {
  auto colon = address.rfind(':');
  unsigned number = 0;
  if (colon == std::string_view::npos || !whole_number(address.substr(colon + 1), 65535, number)) return false;
  std::string_view name = address.substr(0, colon);
  bool brackets = name.starts_with('[') && name.ends_with(']');
  if (brackets) name = name.substr(1, name.size() - 2);
  int bits = 0;
  if (!is_ip(std::string(name), &bits) || brackets != (bits == 128)) return false;
  host = name;
  port = static_cast<std::uint16_t>(number);
  return true;
}

void complete(Loaded& loaded, const LoadOptions& options) {
  Reporter report(loaded);
  resolve_paths(loaded, report);
  if (options.dev) fill_dev(loaded);
  const Config& c = loaded.config;
  check_addresses(c, report);
  check_http(c, report);
  check_tls(c, report);
  check_token(c, report);
  check_access(loaded, report);
  check_wallets("signin.solana", c.signin.solana, report);
  check_wallets("signin.ethereum", c.signin.ethereum, report);
  check_signin(c, report);
  check_realtime(c, report);
  check_limits(c, report);
  check_webhooks(c, report);
  check_compat(c, report);
  check_namespaces(c, report);
  check_shared(c, report);
  if (options.dev) make_dev_keys(loaded, options);
  check_secrets(loaded, options);
  check_trusted(loaded);
}

}  // namespace gatecast::server
