// Checks of [signin]: registration and its hook, the node of contract wallets, Telegram's bots.
#include <algorithm>

#include "identity/telegram.hpp"
#include "outbound/outbound.hpp"
#include "server/config/check.hpp"
#include "token/secret_text.hpp"

namespace gatecast::server {
namespace {

constexpr std::string_view kMakeSecret = "Make a good one: openssl rand -base64 48";

void check_hook(const SigninConfig& s, Reporter& report) {
  if (s.registration != "ask") return;
  if (s.hook_url.empty()) {
    report.error("signin.hook_url", "is missing while signin.register is \"ask\"",
                 "Write where the application answers: \"https://app.example/hooks/register\".");
  } else if (auto good = outbound::check_url(s.hook_url); !good) {
    report.error("signin.hook_url", good.error().detail, "Write https://…, or http:// on this machine.");
  }
  if (s.hook_secret.empty()) {
    report.error("signin.hook_secret", "is missing while signin.register is \"ask\"", std::string(kMakeSecret));
    return;
  }
  auto decoded = token::decode_secret(s.hook_secret, token::SecretEncoding::text);
  if (!decoded) {
    report.error("signin.hook_secret", decoded.error().detail, "Write it as the application has it.");
  } else if (auto strong = token::check_strength(*decoded); !strong) {
    report.error("signin.hook_secret", strong.error().detail, std::string(kMakeSecret));
  }
}

void check_ethereum(const EthereumConfig& e, Reporter& report) {
  if (e.enabled && e.chains.empty()) {
    report.error("signin.ethereum.chains", "is empty: every message would be refused", "Write chains = [1].");
  }
  if (e.rpc_url.empty()) return;
  if (auto good = outbound::check_url(e.rpc_url); !good) {
    report.error("signin.ethereum.rpc_url", good.error().detail, "Write https://…, or http:// on this machine.");
  }
  if (e.enabled && std::ranges::find(e.chains, e.rpc_chain) == e.chains.end()) {
    report.error("signin.ethereum.rpc_chain", fmt::format("{} is not one of signin.ethereum.chains", e.rpc_chain),
                 "Name the chain of the node at rpc_url in both.");
  }
}

void check_bot(const TelegramConfig& t, std::size_t i, Reporter& report) {
  const std::string path = fmt::format("signin.telegram.bot[{}]", i);
  const TelegramBotConfig& bot = t.bots[i];
  for (std::size_t j = 0; j < i; ++j) {
    if (t.bots[j].id == bot.id) report.error(path + ".id", "is there twice", "Join the two tables.");
  }
  if (report.given(path + ".token") && bot.token.empty()) {
    report.error(path + ".token", "is empty", "Write the token that BotFather gave, or leave the key out.");
    return;
  }
  if (bot.token.empty()) return;
  if (auto form = token::decode_secret(bot.token, token::SecretEncoding::text); !form) {
    report.error(path + ".token", form.error().detail, "Write the token as BotFather gave it.");
  } else if (auto made = identity::TelegramBot::make(bot.id, bot.token); !made) {
    report.error(path + ".token", made.error().detail,
                 fmt::format("The token of bot {0} begins with {0}: and stands on BotFather's page of it.", bot.id));
  }
}

void check_telegram(const Config& c, Reporter& report) {
  const TelegramConfig& t = c.signin.telegram;
  if (t.enabled && t.bots.empty() && !t.direct_registration) {
    report.error("signin.telegram.bot", "is missing while signin.telegram.enabled is true",
                 "Add [[signin.telegram.bot]] with id and token.");
  }
  for (std::size_t i = 0; i < t.bots.size(); ++i) check_bot(t, i, report);
  if (!t.direct_registration) return;
  if (!c.dev) {
    report.error("signin.telegram.direct_registration", "is allowed only with --dev",
                 "Remove it: without it a Telegram user needs initData.");
  } else {
    report.warn("signin.telegram.direct_registration", "anyone may sign in as any Telegram user, without proof",
                "Remove it before anyone else can reach the server.");
  }
}

}  // namespace

void check_signin(const Config& config, Reporter& report) {
  check_hook(config.signin, report);
  check_ethereum(config.signin.ethereum, report);
  check_telegram(config, report);
}

}  // namespace gatecast::server
