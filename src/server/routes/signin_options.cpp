#include "server/routes/signin_options.hpp"

namespace gatecast::server {
namespace {

session::Registration registration_of(const std::string& name) {
  if (name == "closed") return session::Registration::closed;
  return name == "ask" ? session::Registration::ask : session::Registration::open;
}

std::string first_of(const Strings& texts) { return texts.empty() ? std::string{} : texts.front(); }

}  // namespace

Result<void> fill_signin(const SigninConfig& config, session::SessionOptions& options) {
  const SolanaConfig& solana = config.solana;
  options.solana = {.enabled = solana.enabled,
                    .policy = {.domains = solana.domain, .uris = solana.uri, .chains = solana.chains},
                    .uri = first_of(solana.uri),
                    .statement = solana.statement};
  const EthereumConfig& ethereum = config.ethereum;
  options.ethereum = {.enabled = ethereum.enabled,
                      .policy = {.domains = ethereum.domain, .uris = ethereum.uri, .chains = ethereum.chains},
                      .uri = first_of(ethereum.uri),
                      .statement = ethereum.statement,
                      .rpc_url = ethereum.rpc_url,
                      .rpc_chain = ethereum.rpc_chain};
  options.telegram.enabled = config.telegram.enabled;
  options.telegram.direct = config.telegram.direct_registration;
  options.telegram.policy.max_age = std::chrono::floor<std::chrono::seconds>(config.telegram.max_age);
  for (const TelegramBotConfig& bot : config.telegram.bots) {
    const bool test = bot.environment == "test";
    auto made = identity::TelegramBot::make(
        bot.id, bot.token, test ? identity::TelegramEnvironment::test : identity::TelegramEnvironment::production);
    if (!made) return made.error();
    options.telegram.policy.bots.push_back(std::move(*made));
  }
  options.registration = registration_of(config.registration);
  options.hook = {.url = config.hook_url, .secret = config.hook_secret};
  return {};
}

}  // namespace gatecast::server
