#include "app/actions.hpp"

#include <iostream>

#include "core/clock.hpp"
#include "core/text_form.hpp"
#include "core/time_text.hpp"
#include "crypto/hash.hpp"
#include "crypto/random.hpp"
#include "server/config/keys.hpp"
#include "server/json/json_in.hpp"
#include "token/inspect.hpp"
#include "token/key_file.hpp"
#include "token/verifier.hpp"

namespace gatecast::app {
namespace {

/// Prints the findings; false where there are errors.
bool report(const server::Loaded& loaded, std::ostream& to) {
  to << server::render_findings(loaded.findings);
  return loaded.ok();
}

std::string counted(std::size_t n, std::string_view what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); }

/// "3 minutes", "2 days": the largest unit that fits.
std::string rough(std::int64_t seconds) {
  if (seconds >= 172800) return counted(static_cast<std::size_t>(seconds / 86400), "day");
  if (seconds >= 7200) return counted(static_cast<std::size_t>(seconds / 3600), "hour");
  if (seconds >= 120) return counted(static_cast<std::size_t>(seconds / 60), "minute");
  return counted(static_cast<std::size_t>(seconds), "second");
}

std::string when(std::int64_t seconds, WallTime now) {
  // Outside these the calendar's arithmetic would overflow; no honest token is there.
  constexpr std::int64_t kYear9999 = 253'402'300'799;
  if (seconds < 0 || seconds > kYear9999) return fmt::format("{} (no usable time)", seconds);
  std::int64_t left = seconds - unix_seconds(now);
  return fmt::format("{} ({})", format_rfc3339(from_unix_seconds(seconds)),
                     left >= 0 ? "in " + rough(left) : rough(-left) + " ago");
}

}  // namespace

int do_serve(const server::LoadOptions& options, const Io& io) {
  server::Loaded loaded = server::load(options);
  // Warnings go to the log, once it is open.
  if (!loaded.ok()) {
    report(loaded, io.err);
    io.err << fmt::format("\nNot started: {}.{}\n", counted(loaded.errors(), "error"),
                          options.dev ? "" : " To try it without a configuration: gatecast serve --dev");
    return kFailed;
  }
  return io.serve(std::move(loaded));
}

int do_config_check(const server::LoadOptions& options, bool strict, const Io& io) {
  server::LoadOptions quiet = options;
  quiet.make_dev_keys = false;
  server::Loaded loaded = server::load(quiet);
  io.out << server::render_show(loaded) << "\n";
  bool fine = report(loaded, io.out);
  if (loaded.findings.empty()) {
    io.out << "Nothing is wrong.\n";
  } else {
    io.out << fmt::format("\n{}, {}.\n", counted(loaded.errors(), "error"), counted(loaded.warnings(), "warning"));
  }
  if (!fine) return kFailed;
  return strict && loaded.warnings() > 0 ? kWarned : kFine;
}

int do_config_show(const server::LoadOptions& options, const Io& io) {
  server::LoadOptions quiet = options;
  quiet.make_dev_keys = false;
  server::Loaded loaded = server::load(quiet);
  io.out << server::render_show(loaded);
  return report(loaded, io.err) ? kFine : kFailed;
}

int do_keys_new(const std::string& algorithm_name, const std::string& file, const Io& io) {
  auto algorithm = token::algorithm_from_name(algorithm_name);
  if (!algorithm) {
    io.err << fmt::format("gatecast: no algorithm {}; one of EdDSA, ES256, RS256, HS256, HS384, HS512\n",
                          algorithm_name);
    return kUsage;
  }
  bool symmetric = token::symmetric(*algorithm);
  Secret text;
  Result<token::Key> key = Errc::internal;
  if (symmetric) {
    text = Secret(base64_encode(crypto::random_bytes(48)));
    key = token::Key::from_secret(*algorithm, text, token::SecretEncoding::text);
  } else {
    key = token::Key::generate(*algorithm);
    text = key->pem();
  }
  if (!key) {
    io.err << "gatecast: " << key.error().detail << "\n";
    return kFailed;
  }
  if (!file.empty()) {
    auto written = token::write_private_file(file, symmetric ? Secret(std::string(text.expose()) + "\n") : text);
    if (!written) {
      io.err << "gatecast: " << written.error().detail << "\n";
      if (written.error().code == Errc::store_conflict) io.err << "A key is never overwritten: name another file.\n";
      return kFailed;
    }
  } else if (!symmetric) {
    io.out << text.expose() << "\n";
  }
  io.out << "# Put this into the configuration; the first [[token.key]] signs.\n[[token.key]]\n";
  io.out << fmt::format("kid = \"{}\"\nalgorithm = \"{}\"\n", key->kid(), algorithm_name);
  if (!file.empty()) {
    io.out << fmt::format("file = \"{}\"\n", file);
  } else if (symmetric) {
    io.out << fmt::format("secret = \"{}\"\n", text.expose());
  } else {
    io.out << "file = \"token-key.pem\"   # keep the text above there, mode 0600\n";
  }
  io.out << "# fingerprint " << key->fingerprint() << "\n";
  return kFine;
}

int do_keys_list(const server::LoadOptions& options, const Io& io) {
  server::LoadOptions quiet = options;
  quiet.make_dev_keys = false;
  server::Loaded loaded = server::load(quiet);
  io.out << fmt::format("{:<8} {:<44} {:<9} {:<20} {}\n", "use", "id", "algorithm", "fingerprint", "until");
  auto line = [&](std::string_view use, const std::string& id, std::string_view algorithm, const std::string& print,
                  const std::optional<WallTime>& until) {
    io.out << fmt::format("{:<8} {:<44} {:<9} {:<20} {}\n", use, id, algorithm, print.empty() ? "not readable" : print,
                          until ? format_rfc3339(*until) : "-");
  };
  const server::Config& c = loaded.config;
  for (const auto& key : c.token.keys) {
    line(&key == c.token.keys.data() ? "signs" : "verifies", key.kid, key.algorithm, key.fingerprint, key.use_until);
  }
  for (const auto& key : c.session.keys)
    line("sessions", key.id.empty() ? "-" : key.id, "-", key.fingerprint, key.use_until);
  for (const auto& key : c.api_keys) line("api", key.name, "-", key.fingerprint, key.use_until);
  list_managed_keys(c, io);
  return report(loaded, io.err) ? kFine : kFailed;
}

namespace {

/// The name goes between quotes in a TOML file.
bool is_plain_name(const std::string& name, const Io& io) {
  const bool plain =
      std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c < 0x7F && c != '"' && c != '\\'; });
  if (!name.empty() && name.size() <= 64 && plain) return true;
  io.err << "gatecast: a name has 1 to 64 characters of ASCII, without quotes\n";
  return false;
}

}  // namespace

int do_operator_new(const std::string& name, const std::string& role, const Io& io) {
  if (!is_plain_name(name, io)) return kUsage;
  if (role != "view" && role != "act") {
    io.err << fmt::format("gatecast: no role {}; view or act\n", role);
    return kUsage;
  }
  if (name.find_first_not_of("0123456789") == std::string::npos) {
    io.err << "gatecast: a number is no operator's name: in the audit log it is a user of the machine\n";
    return kUsage;
  }
  const std::string token = "go_" + base64url_encode(crypto::random_bytes(32));
  io.out << fmt::format(
      "{}\n\nThis is the token; it is shown only now. Type it into /console on the operators' port.\nPut this into the "
      "configuration:\n\n[[ops.operator]]\nname = \"{}\"\nsha256 = \"{}\"\nrole = \"{}\"\n",
      token, name, hex_encode(crypto::sha256(token)), role);
  return kFine;
}

int do_apikey_new(const std::string& name, const std::vector<std::string>& scopes, const Io& io) {
  for (const std::string& scope : scopes) {
    if (std::ranges::find(server::kApiScopes, scope) == std::end(server::kApiScopes)) {
      io.err << fmt::format("gatecast: no scope {}; one of {}\n", scope, fmt::join(server::kApiScopes, ", "));
      return kUsage;
    }
  }
  if (!is_plain_name(name, io)) return kUsage;
  std::string key = "gc_" + base64url_encode(crypto::random_bytes(32));
  io.out << fmt::format(
      "{}\n\nThis is the key; it is shown only now. Send it in X-API-Key.\nPut this into the configuration:\n\n"
      "[[api.key]]\nname = \"{}\"\nsha256 = \"{}\"\nscopes = [\"{}\"]\n",
      key, name, hex_encode(crypto::sha256(key)), fmt::join(scopes, "\", \""));
  return kFine;
}

int do_token_inspect(const std::string& argument, bool verify, const server::LoadOptions& options, const Io& io) {
  std::string text = argument;
  if (text == "-") std::getline(std::cin, text);
  auto seen = token::inspect(text);
  if (!seen) {
    io.err << fmt::format("gatecast: {}\n{}\n", info(seen.error().code).message, info(seen.error().code).cure);
    return kFailed;
  }
  WallTime now = SystemClock{}.wall();
  io.out << fmt::format("header   {}\nclaims   {}\n", seen->header_json, seen->claims_json);
  if (auto claims = server::JsonIn::parse(seen->claims_json)) {
    for (auto [name, label] : {std::pair{"iat", "issued"}, {"nbf", "begins"}, {"exp", "expires"}}) {
      auto time = claims->optional_integer(name);
      if (time && *time) io.out << fmt::format("{:<8} {}\n", label, when(**time, now));
    }
  }
  if (!verify) {
    io.out << "verdict  not checked: give --config FILE or --dev to check it against the keys there\n";
    return kFine;
  }
  server::LoadOptions quiet = options;
  quiet.make_dev_keys = false;
  server::Loaded loaded = server::load(quiet);
  if (!report(loaded, io.err)) return kFailed;
  auto ring = server::make_key_ring(loaded.config);
  if (!ring) {
    io.err << "gatecast: " << ring.error().detail << "\n";
    return kFailed;
  }
  token::Verifier verifier(*ring, {loaded.config.token.issuer, loaded.config.token.audience});
  auto verdict = verifier.verify(text, now);
  if (verdict) {
    io.out << "verdict  good; whether its session still stands only the running server knows\n";
    return kFine;
  }
  const CodeInfo& what = info(verdict.error().code);
  io.out << fmt::format("verdict  {}: {}\n         {}\n", what.name, what.message, what.cure);
  return kFailed;
}

int do_healthcheck(const std::string& address, const server::LoadOptions& options, const Io& io) {
  constexpr std::string_view kByTls = "https://";
  bool tls = address.starts_with(kByTls);
  std::string at = tls ? address.substr(kByTls.size()) : address;
  if (at.empty()) {
    server::LoadOptions quiet = options;
    quiet.make_dev_keys = false;
    // Whatever else is wrong with the configuration, the server may be running.
    const auto ops = server::load(quiet).config.ops;
    at = ops.address;
    tls = ops.tls.on();
  }
  std::string host;
  std::uint16_t port = 0;
  if (!server::split_address(at, host, port)) {
    io.err << fmt::format("gatecast: {} is not an address; write 127.0.0.1:9090\n", at);
    return kUsage;
  }
  // A server that listens everywhere is asked here.
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  std::string problem;
  int status = http_status(host, port, tls, "/healthz", 3, problem);
  if (status == 200) {
    io.out << "well\n";
    return kFine;
  }
  io.err << fmt::format("gatecast: {}: {}\n", at, status == 0 ? problem : fmt::format("answered {}", status));
  return kFailed;
}

}  // namespace gatecast::app
