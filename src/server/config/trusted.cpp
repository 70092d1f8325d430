// [[token.trusted]]: from the configuration to issuers with keys, and what is wrong on the way.
#include "server/config/check.hpp"
#include "server/config/keys.hpp"
#include "server/config/value.hpp"
#include "token/key_file.hpp"

namespace gatecast::server {
namespace {

token::WeakSecrets weak_secrets(const Config& config) {
  return config.dev ? token::WeakSecrets::allow : token::WeakSecrets::refuse;
}

Result<std::vector<token::Algorithm>> algorithms_of(const TrustedConfig& trusted) {
  std::vector<token::Algorithm> out;
  for (const std::string& name : trusted.algorithms) {
    const auto algorithm = token::algorithm_from_name(name);
    if (!algorithm) return fail(Errc::config_invalid, fmt::format("{} is no algorithm", quote(name)));
    out.push_back(*algorithm);
  }
  return out;
}

/// A secret is the key of each algorithm that may use it.
Result<std::vector<token::ForeignKey>> keys_of_secret(const Config& config, const TrustedConfig& trusted,
                                                      std::vector<token::Algorithm> algorithms) {
  if (algorithms.empty()) algorithms = {token::Algorithm::hs256};
  const auto encoding = token::secret_encoding_from_name(trusted.secret_encoding).value_or(token::SecretEncoding::text);
  std::vector<token::ForeignKey> keys;
  for (const token::Algorithm algorithm : algorithms) {
    auto key = token::Key::from_secret(algorithm, trusted.secret, encoding, {}, weak_secrets(config));
    if (!key) return std::move(key.error());
    keys.push_back({*std::move(key), false});
  }
  return keys;
}

Result<std::vector<token::ForeignKey>> keys_of_file(const Config& config, const std::string& path) {
  const auto content = token::read_private_file(path, token::kMaxKeySetBytes);
  if (!content) return content.error();
  const std::string_view text = content->expose();
  const auto named = [&path](const Error& error) { return fail(error.code, path + ": " + error.detail); };
  if (text.find_first_not_of(" \t\r\n") != std::string_view::npos && text[text.find_first_not_of(" \t\r\n")] == '{') {
    auto keys = token::read_jwks(text, token::SymmetricKeys::accept, weak_secrets(config));
    if (!keys) return named(keys.error());
    return keys;
  }
  auto half = crypto::read_public_pem(text);
  if (!half) return named(half.error());
  auto key = token::Key::from_public(*std::move(half));
  if (!key) return named(key.error());
  return std::vector<token::ForeignKey>{{*std::move(key), false}};
}

Result<std::pair<std::string, std::string>> required_claim(const std::string& text) {
  const std::size_t at = text.find('=');
  if (at == std::string::npos || at == 0) {
    return fail(Errc::config_invalid, fmt::format("{} is not \"name=value\"", quote(text)));
  }
  return std::pair{text.substr(0, at), text.substr(at + 1)};
}

/// A key that another issuer knows must not be one that only we may know.
void check_shared_keys(const Config& c, const std::string& path, const token::TrustedIssuer& issuer, Reporter& report) {
  if (issuer.keys.empty()) return;
  const std::string& print = issuer.keys.front().key.fingerprint();
  for (const SessionKey& key : c.session.keys) {
    if (key.fingerprint == print) {
      report.error(path, "its key is a session key of ours",
                   "Its issuer could make sessions: give each its own secret.");
    }
  }
  for (const TokenKey& key : c.token.keys) {
    if (key.fingerprint == print) {
      report.warn(path, fmt::format("its key is our token key {}", key.kid),
                  "Its issuer can sign tokens in our name: give each its own key.");
    }
  }
}

}  // namespace

Result<token::TrustedIssuer> make_trusted_issuer(const Config& config, const TrustedConfig& trusted) {
  token::TrustedIssuer issuer{.name = trusted.name, .issuer = trusted.issuer, .audience = trusted.audience};
  auto algorithms = algorithms_of(trusted);
  if (!algorithms) return std::move(algorithms.error());
  issuer.algorithms = *std::move(algorithms);
  issuer.subject = trusted.subject == "same" ? token::SubjectRule::same : token::SubjectRule::prefix;
  issuer.jwks_url = trusted.jwks_url;
  for (const std::string& text : trusted.required_claims) {
    auto claim = required_claim(text);
    if (!claim) return std::move(claim.error());
    issuer.required.push_back(*std::move(claim));
  }
  if (!trusted.secret.empty()) {
    auto keys = keys_of_secret(config, trusted, issuer.algorithms);
    if (!keys) return std::move(keys.error());
    issuer.keys = *std::move(keys);
  } else if (!trusted.file.empty()) {
    auto keys = keys_of_file(config, trusted.file);
    if (!keys) return std::move(keys.error());
    issuer.keys = *std::move(keys);
  }
  return issuer;
}

void check_trusted(Loaded& loaded) {
  const Config& c = loaded.config;
  Reporter report(loaded);
  for (std::size_t i = 0; i < c.token.trusted.size(); ++i) {
    const TrustedConfig& t = c.token.trusted[i];
    const std::string path = fmt::format("token.trusted[{}]", i);
    const int given = (t.jwks_url.empty() ? 0 : 1) + (t.file.empty() ? 0 : 1) + (t.secret.empty() ? 0 : 1);
    if (given != 1) {
      report.error(path, given == 0 ? "has no key" : "has several of jwks_url, file and secret",
                   "Give one: jwks_url = \"https://…/jwks.json\", file = \"issuer.pem\", or secret = \"…\".");
      continue;
    }
    if (t.name.empty() || t.name.size() > 32 ||
        t.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") != std::string::npos) {
      report.error(path + ".name", fmt::format("{} is not a short name", quote(t.name)),
                   "Use a-z, 0-9, '-' and '_', at most 32: it begins the ids of its users.");
    }
    if (t.issuer == c.token.issuer) {
      report.error(path + ".issuer", "is token.issuer: our own tokens",
                   "Give each issuer its own name; one of the two must change.");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (c.token.trusted[j].issuer == t.issuer) {
        report.error(path + ".issuer", fmt::format("is that of token.trusted[{}] too", j), "Remove one of the two.");
      }
      if (c.token.trusted[j].name == t.name) {
        report.error(path + ".name", fmt::format("is that of token.trusted[{}] too", j), "Name each differently.");
      }
    }
    if (!t.jwks_url.empty()) {
      if (auto good = outbound::check_url(t.jwks_url); !good) {
        report.error(path + ".jwks_url", good.error().detail, "Write the address of its key set: https://…");
      }
    }
    if (auto made = make_trusted_issuer(c, t); !made) {
      const bool about_secret = !t.secret.empty() && made.error().code != Errc::config_invalid;
      report.error(path + (about_secret     ? ".secret"
                           : t.file.empty() ? ""
                                            : ".file"),
                   made.error().detail, std::string(info(made.error().code).cure));
    } else {
      check_shared_keys(c, path, *made, report);
    }
    if (t.audience.empty()) {
      report.warn(path + ".audience", "is empty: its tokens are taken whoever they were made for",
                  "Write the `aud` that its tokens for you have, if they have one.");
    }
    if (t.subject == "same") {
      report.warn(path + ".subject", "its subjects are taken as users of ours: who controls it can be anyone here",
                  "Leave subject = \"prefix\" unless both share one set of users.");
    }
  }
  if (c.token.trusted.size() > token::kMaxTrustedIssuers) {
    report.error("token.trusted", "has over 32 issuers", "Trust fewer.");
  }
}

}  // namespace gatecast::server
