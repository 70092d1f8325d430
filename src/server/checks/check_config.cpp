#include "server/checks/check_config.hpp"

#include <algorithm>

#include "core/time_text.hpp"
#include "server/config/tls.hpp"
#include "token/key_folder.hpp"

namespace gatecast::server {
namespace {

/// Findings whose key begins so belong to the check; the first that fits counts, so the longer stand first.
struct Belongs {
  std::string_view prefix;
  CheckId check;
};
constexpr Belongs kBelongs[] = {
    {"token.key", "secrets.token"},
    {"session.key", "secrets.session"},
    {"api.key", "secrets.api"},
    {"ops.operator", "secrets.api"},
    {"signin.hook_secret", "secrets.other"},
    {"token.trusted", "secrets.other"},
    {"webhook", "secrets.other"},
    {"http.allowed_origins", "http.origins"},
    {"http.tls", "tls.certificate"},
    {"ops.tls", "tls.certificate"},
    {"ops.address", "ops.exposure"},
    {"signin.telegram.direct_registration", "mode.dev"},
    {"signin.telegram", "telegram.bot"},
    {"realtime.insecure", "mode.dev"},
    {"compat", "compat.env"},
};
/// Those that always have a line, also where nothing is wrong.
constexpr CheckId kAlways[] = {"config.value", "secrets.token", "secrets.session", "secrets.api"};

/// Variables of an application's environment are found where they stand, not by a key of ours.
bool of_application(const Finding& finding) {
  const std::string_view names[] = {"NEXTAUTH_SECRET", "JWT_SECRET", "TELEGRAM_BOT_TOKEN", "DATABASE_URL", "REDIS_URL"};
  return std::ranges::any_of(names, [&finding](std::string_view name) {
    return finding.where.find(name) != std::string::npos || finding.key == name ||
           finding.text.find(name) != std::string::npos;
  });
}

CheckId check_of(const Finding& finding) {
  if (finding.key.empty()) return "config.file";
  // One secret and another do not agree: what disagrees is the application's environment.
  if (finding.key == "token.key" && finding.text.starts_with("is not the application's key")) return "compat.env";
  for (const auto& belongs : kBelongs) {
    if (finding.key.starts_with(belongs.prefix)) return belongs.check;
  }
  return of_application(finding) ? CheckId("compat.env") : CheckId("config.value");
}

void add_print(std::vector<std::string>& prints, std::string_view name, std::string_view print) {
  if (!print.empty()) prints.push_back(fmt::format("{}{}{}", name, name.empty() ? "" : " ", print));
}

/// What is there of the secrets that a check is about: names and fingerprints.
std::string fingerprints(const Config& c, std::string_view id) {
  std::vector<std::string> prints;
  if (id == "secrets.token") {
    for (const auto& key : c.token.keys) add_print(prints, key.kid, key.fingerprint);
    if (prints.empty() && !c.token.key_dir.empty()) return fmt::format("those of {}", c.token.key_dir);
  } else if (id == "secrets.session") {
    for (const auto& key : c.session.keys) add_print(prints, key.id, key.fingerprint);
  } else if (id == "secrets.api") {
    for (const auto& key : c.api_keys) add_print(prints, key.name, key.fingerprint);
    for (const auto& one : c.ops.operators) add_print(prints, "operator " + one.name, one.fingerprint);
    if (prints.empty()) return "none: no back end may call the server API";
  }
  return fmt::format("{}", fmt::join(prints, ", "));
}

bool plain_origin_of_elsewhere(std::string_view origin) {
  if (!origin.starts_with("http://")) return false;
  const auto host = origin.substr(7);
  return !host.starts_with("localhost") && !host.starts_with("127.") && !host.starts_with("[::1]");
}

std::string until_text(WallTime end, WallTime now) {
  const auto days = std::chrono::floor<std::chrono::days>(end - now).count();
  return days < 0 ? fmt::format("ended at {}", format_rfc3339(end))
                  : fmt::format("ends at {}, in {} day{}", format_rfc3339(end), days, days == 1 ? "" : "s");
}

/// One key's `use_until`; the one that signs or makes must not end.
void add_end(Checks& out, const std::string& what, const std::optional<WallTime>& until, bool needed, WallTime now) {
  if (!until) return;
  const auto seen = fmt::format("{} {}", what, until_text(*until, now));
  if (*until <= now) {
    out.push_back(needed ? check_fail("keys.use_until", seen) : check_warn("keys.use_until", seen));
  } else if (*until - now < kEndsSoon) {
    out.push_back(check_warn("keys.use_until", seen));
  }
}

}  // namespace

Checks check_findings(const Loaded& loaded) {
  Checks out;
  for (const auto& finding : loaded.findings) {
    const auto id = check_of(finding);
    auto seen = fmt::format("{}{}{} ({})", finding.key, finding.key.empty() ? "" : ": ", finding.text, finding.where);
    const bool error = finding.level == Finding::Level::error;
    if (finding.level == Finding::Level::note) {
      out.push_back(check_ok(id, std::move(seen)));
      continue;
    }
    out.push_back(error ? check_fail(id, std::move(seen), finding.cure)
                        : check_warn(id, std::move(seen), finding.cure));
  }
  for (const auto id : kAlways) {
    const auto name = kChecks[id.index].id;
    if (std::ranges::find(out, name, &Check::id) != out.end()) continue;
    auto seen = fingerprints(loaded.config, name);
    if (seen.empty())
      seen = name == "config.value" ? "nothing is wrong with the other values" : "made at the first start";
    out.push_back(check_ok(id, std::move(seen)));
  }
  return out;
}

Checks check_values(const Config& c) {
  Checks out;
  if (c.dev) {
    out.push_back(check_warn("mode.dev", "the server runs with --dev: weak secrets pass and keys lie in data.dir"));
  } else if (c.pages.enabled) {
    out.push_back(check_warn("mode.pages", "pages.enabled is true outside --dev"));
  }
  bool plain = false;
  for (const auto& origin : c.http.allowed_origins) {
    if (!plain_origin_of_elsewhere(origin)) continue;
    plain = true;
    out.push_back(check_warn("http.origins", fmt::format("{} has no TLS: who is on the way reads its tokens", origin),
                             fmt::format("Serve the page by https and write \"https://{}\".", origin.substr(7))));
  }
  if (!plain && !c.http.allowed_origins.empty()) {
    out.push_back(check_ok("http.origins", fmt::format("{}", fmt::join(c.http.allowed_origins, ", "))));
  }
  for (const auto& bot : c.signin.telegram.bots) {
    out.push_back(check_ok("telegram.bot", fmt::format("{}: {}", bot.id,
                                                       bot.token.empty() ? "no token, by Telegram's own signature"
                                                                         : "the token begins with the id")));
  }
  return out;
}

Checks check_keys(const Config& c, WallTime now) {
  Checks out;
  const auto folder =
      c.token.key_dir.empty() ? Result<token::KeyFolder>(Errc::not_found) : token::KeyFolder::open(c.token.key_dir);
  std::vector<std::string> others;
  std::string signs;
  if (!c.token.keys.empty()) {
    const auto& first = c.token.keys.front();
    signs = fmt::format("{} {} {}", first.kid, first.algorithm, first.fingerprint);
  }
  if (folder) {
    for (const auto& key : folder->keys()) {
      if (key.state == token::KeyState::active && signs.empty()) {
        signs = fmt::format("{} {} {}", key.kid, token::name(key.algorithm), key.fingerprint);
      } else {
        others.push_back(fmt::format("{} {}", key.kid, token::name(key.state)));
      }
    }
  }
  for (std::size_t i = 1; i < c.token.keys.size(); ++i)
    others.push_back(fmt::format("{} verifies", c.token.keys[i].kid));
  if (signs.empty() && c.dev) {
    out.push_back(check_skip("keys.signing", "made at the first start with --dev"));
  } else if (signs.empty()) {
    out.push_back(check_fail("keys.signing", "neither [[token.key]] nor token.key_dir has a key that signs"));
  } else {
    out.push_back(check_ok("keys.signing", signs));
  }
  out.push_back(
      check_ok("keys.next", others.empty() ? "none waits, none leaves" : fmt::format("{}", fmt::join(others, ", "))));

  Checks certificates;
  const auto before = out.size();
  for (std::size_t i = 0; i < c.token.keys.size(); ++i) {
    add_end(out, fmt::format("token.key {}", c.token.keys[i].kid), c.token.keys[i].use_until, i == 0, now);
  }
  for (std::size_t i = 0; i < c.session.keys.size(); ++i) {
    const auto& key = c.session.keys[i];
    add_end(out, fmt::format("session.key {}", key.id.empty() ? "[0]" : key.id), key.use_until, i == 0, now);
  }
  for (const auto& key : c.api_keys) add_end(out, fmt::format("api.key {}", key.name), key.use_until, false, now);
  for (const auto& [port, files] : {std::pair{"http", &c.http.tls}, {"ops", &c.ops.tls}}) {
    std::string seen;
    for (const auto& [what, value] : describe_tls(*files)) {
      if (what == "names" || what == "ends") seen += fmt::format("{}{} {}", seen.empty() ? "" : ", ", what, value);
    }
    // A pair that cannot be used is among the findings.
    if (!seen.empty()) certificates.push_back(check_ok("tls.certificate", fmt::format("{}: {}", port, seen)));
  }
  if (out.size() == before) out.push_back(check_ok("keys.use_until", "no key ends within two weeks"));
  out.insert(out.end(), certificates.begin(), certificates.end());
  return out;
}

}  // namespace gatecast::server
