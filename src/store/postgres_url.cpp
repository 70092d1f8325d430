#include "store/postgres_url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>

namespace gatecast::store {
namespace {

constexpr std::size_t kUrlBytesMax = 4096;
constexpr std::size_t kHostsMax = 16;

enum class Use : std::uint8_t {
  pass,    // libpq's own, given to it as it is
  note,    // understood, without effect here
  refuse,  // cannot be kept to
  ours,    // has a meaning here
};

struct Parameter {
  std::string_view name;
  Use use;
  std::string_view text{};  // note, refuse
  std::string_view cure{};
};

// libpq's keywords are those of version 15; a later one's is refused rather than left out, since some protect.
constexpr Parameter kParameters[] = {
    {"host", Use::pass},
    {"hostaddr", Use::pass},
    {"port", Use::pass},
    {"user", Use::pass},
    {"password", Use::pass},
    {"passfile", Use::pass},
    {"dbname", Use::pass},
    {"application_name", Use::pass},
    {"fallback_application_name", Use::pass},
    {"options", Use::pass},
    {"channel_binding", Use::pass},
    {"keepalives", Use::pass},
    {"keepalives_idle", Use::pass},
    {"keepalives_interval", Use::pass},
    {"keepalives_count", Use::pass},
    {"tcp_user_timeout", Use::pass},
    {"sslkey", Use::pass},
    {"sslrootcert", Use::pass},
    {"sslcrl", Use::pass},
    {"sslcrldir", Use::pass},
    {"sslsni", Use::pass},
    {"sslcompression", Use::pass},
    {"ssl_min_protocol_version", Use::pass},
    {"ssl_max_protocol_version", Use::pass},
    {"requirepeer", Use::pass},
    {"gssencmode", Use::pass},
    {"krbsrvname", Use::pass},
    {"gsslib", Use::pass},
    {"sslmode", Use::ours},
    {"ssl", Use::ours},
    {"sslcert", Use::ours},
    {"sslpassword", Use::pass},
    {"sslaccept", Use::ours},
    {"sslidentity", Use::refuse, "a client's certificate in one PKCS#12 file is not taken",
     "Take it apart with openssl pkcs12 -in FILE -nodes, and name the two files: sslcert=CERTIFICATE&sslkey=KEY."},
    {"target_session_attrs", Use::ours},
    {"client_encoding", Use::ours},
    {"connect_timeout", Use::ours},
    {"connection_limit", Use::ours},
    {"pgbouncer", Use::ours},
    {"statement_cache_size", Use::ours},
    {"schema", Use::note, "the schema is the application's", "Everything of this program lies in the schema gatecast."},
    {"pool_timeout", Use::note, "is of the application's pool",
     "store.deadline bounds an operation, its wait for a "
     "connection included."},
    {"socket_timeout", Use::note, "is of the application's connections", "store.deadline bounds an operation."},
    {"single_use_connections", Use::note, "is of the application's pool", "Connections are kept open here."},
    {"max_connection_lifetime", Use::note, "is of the application's pool", "Connections are kept open here."},
    {"max_idle_connection_lifetime", Use::note, "is of the application's pool", "Connections are kept open here."},
    {"uselibpqcompat", Use::note, "says how node-postgres reads sslmode", "It is read as libpq does here, anyway."},
    {"replication", Use::refuse, "makes a connection for replicas, which answers no queries", "Leave it out."},
    {"service", Use::refuse, "names parameters in another file", "Write them into the URL."},
    {"require_auth", Use::refuse, "is not known to this program's libpq",
     "channel_binding=require keeps a stranger's "
     "server from taking the password."},
    {"sslnegotiation", Use::refuse, "is not known to this program's libpq",
     "Leave it out: TLS begins after a word in "
     "clear, as servers of all versions do."},
    {"sslcertmode", Use::refuse, "is not known to this program's libpq", "Leave it out."},
    {"load_balance_hosts", Use::refuse, "is not known to this program's libpq",
     "Leave it out: hosts are tried in their order until one takes writes."},
};

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 40 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
             std::string_view::npos;
}

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Nothing where a percent sign stands alone, or says what no value may hold.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex(text[i + 1]), low = hex(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    out += c;
  }
  return out;
}

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [at, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  return ec == std::errc{} && at == text.data() + text.size() && !text.empty() ? std::optional(value) : std::nullopt;
}

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, text) != words.end();
}

class Reading {
 public:
  PostgresUrl take(std::string_view url) {
    if (fit(url)) read(url);
    return std::move(out_);
  }

 private:
  void problem(std::string text, std::string_view cure) {
    out_.problems.push_back({std::move(text), std::string(cure)});
  }
  void note(std::string text, std::string_view cure) { out_.notes.push_back({std::move(text), std::string(cure)}); }

  void set(std::string_view name, std::string value) {
    for (auto& word : out_.words) {
      if (word.name == name) {
        word.value = Secret(std::move(value));
        return;
      }
    }
    out_.words.push_back({std::string(name), Secret(std::move(value))});
  }

  bool fit(std::string_view url) {
    constexpr std::string_view kForm = "Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full.";
    if (url.size() > kUrlBytesMax) {
      problem("is longer than 4096 bytes", kForm);
    } else if (!url.empty() && (url.front() == '"' || url.front() == '\'' || url.front() == '`')) {
      problem("begins with a quote",
              "Quotes belong to the file's syntax: docker --env-file and systemd's EnvironmentFile may keep them. "
              "Remove them.");
    } else if (!url.starts_with("postgresql://") && !url.starts_with("postgres://")) {
      problem("is no PostgreSQL URL", kForm);
    } else if (std::ranges::any_of(url, [](char c) { return c <= ' ' || c == 0x7F; })) {
      problem("holds a blank or a control character", "Percent-encode it: a blank is %20.");
    } else if (url.find('#') != std::string_view::npos) {
      problem("holds '#', which begins a part that is no URL's of a database", "In a password write %23.");
    }
    return out_.ok();
  }

  // What stands in the wrong place may be the rest of a password, so that none of it is shown.
  void read(std::string_view url) {
    url.remove_prefix(url.find("://") + 3);
    const auto asks = std::min(url.find('?'), url.size());
    const std::string_view query = url.substr(std::min(asks + 1, url.size()));
    url = url.substr(0, asks);
    const auto slash = std::min(url.find('/'), url.size());
    const std::string_view authority = url.substr(0, slash), path = url.substr(std::min(slash + 1, url.size()));
    const auto at = authority.find('@');
    const bool torn = at == std::string_view::npos &&
                      (path.find('@') != std::string_view::npos ||
                       (query.find('@') != std::string_view::npos && authority.find(':') != std::string_view::npos));
    if (torn || (at != std::string_view::npos && authority.find('@', at + 1) != std::string_view::npos) ||
        path.find('/') != std::string_view::npos) {
      problem("cannot be taken apart: user or password hold one of @ / ? # : as it is",
              "Percent-encode it: @ is %40, / is %2F, ? is %3F, # is %23, : is %3A, % is %25.");
      return;
    }
    if (at != std::string_view::npos) read_user(authority.substr(0, at));
    read_hosts(at == std::string_view::npos ? authority : authority.substr(at + 1));
    if (!path.empty()) set_decoded("dbname", path);
    read_query(query);
    conclude();
  }

  void set_decoded(std::string_view name, std::string_view raw) {
    auto text = decoded(raw);
    if (!text) {
      problem(fmt::format("{} holds a '%' that is no percent-encoding", name), "Write %25 for the sign itself.");
      return;
    }
    set(name, std::move(*text));
  }

  void read_user(std::string_view text) {
    const auto colon = text.find(':');
    if (colon != std::string_view::npos && text.find(':', colon + 1) != std::string_view::npos) {
      problem("the password holds ':' as it is", "Percent-encode it: %3A.");
      return;
    }
    set_decoded("user", text.substr(0, colon));
    if (colon != std::string_view::npos) set_decoded("password", text.substr(colon + 1));
  }

  /// "a:5432,[::1]:5433,%2Frun": libpq has hosts and ports in two lists.
  void read_hosts(std::string_view text) {
    if (text.empty()) return;
    std::string hosts, ports;
    std::size_t count = 0;
    bool any_port = false;
    for (bool more = true; more; ++count) {
      const auto comma = text.find(',');
      more = comma != std::string_view::npos;
      std::string_view one = text.substr(0, comma), port;
      text.remove_prefix(more ? comma + 1 : text.size());
      if (one.starts_with('[')) {
        const auto close = one.find(']');
        if (close == std::string_view::npos || (close + 1 < one.size() && one[close + 1] != ':')) {
          problem("a host's bracket is never closed", "Write an IPv6 address as [::1]:5432.");
          return;
        }
        port = one.substr(std::min(close + 2, one.size()));
        one = one.substr(1, close - 1);
      } else if (const auto colon = one.find(':'); colon != std::string_view::npos) {
        port = one.substr(colon + 1);
        one = one.substr(0, colon);
        if (port.find(':') != std::string_view::npos) {
          problem("a host holds several colons", "Write an IPv6 address as [::1]:5432.");
          return;
        }
      }
      const auto host = decoded(one);
      const auto value = port.empty() ? std::optional<std::uint16_t>(0) : number<std::uint16_t>(port);
      if (!host || host->find(',') != std::string::npos || !value || (*value == 0 && !port.empty())) {
        problem("a host or port cannot be read", "Write HOST:PORT, several with commas between them.");
        return;
      }
      if (count > 0) hosts += ',', ports += ',';
      hosts += *host;
      ports += port;
      any_port = any_port || !port.empty();
    }
    if (count > kHostsMax) problem("names more than 16 hosts", "Name those that may become the primary.");
    if (hosts.find_first_not_of(',') != std::string::npos) set("host", hosts);
    if (any_port) set("port", ports);
  }

  void read_query(std::string_view query) {
    std::vector<std::string_view> seen;
    while (!query.empty()) {
      const auto end = std::min(query.find('&'), query.size());
      const std::string_view pair = query.substr(0, end);
      query.remove_prefix(std::min(end + 1, query.size()));
      if (pair.empty()) continue;
      const auto equals = pair.find('=');
      const std::string_view name = pair.substr(0, equals);
      const bool shown = is_name(name);
      if (equals == std::string_view::npos) {
        problem(fmt::format("the parameter {} has no value", shown ? name : "behind '?'"), "Write NAME=VALUE.");
        continue;
      }
      auto value = decoded(pair.substr(equals + 1));
      if (!value) {
        problem(fmt::format("{} holds a '%' that is no percent-encoding", shown ? name : "a parameter"),
                "Write %25 for the sign itself.");
        continue;
      }
      if (std::ranges::find(seen, name) != seen.end()) {
        problem(fmt::format("{} is there twice", shown ? name : "a parameter"), "Leave one of them.");
        continue;
      }
      seen.push_back(name);
      take(name, std::move(*value));
    }
  }

  void take(std::string_view name, std::string value) {
    const auto known = std::ranges::find(kParameters, name, &Parameter::name);
    if (known == std::end(kParameters)) {
      problem(is_name(name) ? fmt::format("the parameter {} is not known", name) : "a parameter is not known",
              "docs/postgresql.md lists those that are; leave it out.");
      return;
    }
    switch (known->use) {
      case Use::pass: set(name, std::move(value)); return;
      case Use::note: note(fmt::format("{}: {}", name, known->text), known->cure); return;
      case Use::refuse: problem(fmt::format("{}: {}", name, known->text), known->cure); return;
      case Use::ours: take_ours(name, std::move(value)); return;
    }
  }

  void take_ours(std::string_view name, std::string value) {
    if (name == "sslmode") {
      if (one_of(value, {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})) {
        set("sslmode", value);
      } else {
        problem("sslmode is none of disable, allow, prefer, require, verify-ca, verify-full",
                "require encrypts without asking who the server is; verify-full asks.");
      }
    } else if (name == "ssl") {
      if (value != "true") problem("ssl is not true", "Write sslmode=disable.");
      if (value == "true" && out_.find("sslmode").empty()) set("sslmode", "require");
    } else if (name == "sslcert") {
      sslcert_ = std::move(value);
    } else if (name == "sslaccept") {
      sslaccept_ = std::move(value);
      if (!one_of(sslaccept_, {"strict", "accept_invalid_certs"})) {
        problem("sslaccept is neither strict nor accept_invalid_certs", "Write sslmode=verify-full.");
      }
    } else if (name == "target_session_attrs") {
      if (one_of(value, {"read-write", "primary"})) {
        set(name, std::move(value));
      } else if (value == "any") {
        note("target_session_attrs: any server", "The one that takes writes is looked for: read-write.");
      } else {
        problem("target_session_attrs asks for a server that takes no writes", "Write read-write or leave it out.");
      }
    } else if (name == "client_encoding") {
      std::ranges::transform(value, value.begin(),
                             [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      if (!one_of(value, {"utf8", "utf-8", "unicode"})) problem("client_encoding is not UTF8", "Leave it out.");
    } else if (name == "pgbouncer") {
      if (!one_of(value, {"true", "false"})) problem("pgbouncer is neither true nor false", "Write pgbouncer=true.");
      if (value == "true") out_.prepared = false;
    } else {
      take_number(name, value);
    }
  }

  void take_number(std::string_view name, const std::string& value) {
    const auto count = number<std::uint32_t>(value);
    if (!count || *count > 1'000'000) {
      problem(fmt::format("{} is not a number", name), "Write digits.");
    } else if (name == "connection_limit") {
      out_.connections = *count;
    } else if (name == "connect_timeout") {
      if (*count > 0) out_.connect_timeout = std::chrono::seconds(std::max(2U, *count));
    } else if (*count == 0) {
      out_.prepared = false;
    } else {
      note("statement_cache_size: is of the application's connections", "Each statement is prepared once here.");
    }
  }

  // `sslcert` is the client's certificate to libpq and the authority's to Prisma: what stands beside it tells.
  void conclude() {
    const bool key = !out_.find("sslkey").empty();
    if (!sslcert_.empty() && key) {
      set("sslcert", std::move(sslcert_));
    } else if (!sslcert_.empty() && !sslaccept_.empty()) {
      if (out_.find("sslrootcert").empty()) set("sslrootcert", std::move(sslcert_));
      note("sslcert: read as Prisma does", "It is the authority's certificate: sslrootcert.");
    } else if (!sslcert_.empty()) {
      problem("sslcert means the client's certificate to libpq and the authority's to Prisma",
              "Write sslrootcert=FILE for the authority, or sslcert=FILE&sslkey=FILE for the client.");
    }
    if (sslaccept_ == "strict" && out_.find("sslmode") != "disable") set("sslmode", "verify-full");
    if (sslaccept_ == "accept_invalid_certs" && !out_.find("sslmode").starts_with("verify")) {
      if (out_.find("sslmode").empty()) set("sslmode", "prefer");
      note("sslaccept: accept_invalid_certs", "The server's certificate is not asked for; sslmode=verify-full asks.");
    }
    if (out_.find("dbname").empty()) {
      problem("names no database", "Write postgresql://USER:PASSWORD@HOST/DATABASE.");
    }
    if (out_.find("user").empty()) problem("names no user", "Write postgresql://USER:PASSWORD@HOST/DATABASE.");
    if (out_.find("target_session_attrs").empty()) set("target_session_attrs", "read-write");
    if (out_.find("application_name").empty()) set("application_name", "gatecast");
    set("client_encoding", "UTF8");
  }

  PostgresUrl out_{};
  std::string sslcert_{}, sslaccept_{};
};

}  // namespace

std::string_view PostgresUrl::find(std::string_view name) const {
  for (const Word& word : words) {
    if (word.name == name) return word.value.expose();
  }
  return {};
}

PostgresUrl parse_postgres_url(std::string_view url) { return Reading().take(url); }

}  // namespace gatecast::store
