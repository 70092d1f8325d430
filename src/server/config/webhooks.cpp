// Checks of [[webhook]].
#include "outbound/outbound.hpp"
#include "server/config/check.hpp"
#include "token/secret_text.hpp"

namespace gatecast::server {
namespace {

constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
constexpr std::string_view kMakeSecret = "Make a good one: openssl rand -base64 48";

void check_secret(const std::string& key, const Secret& secret, Reporter& report) {
  if (secret.empty())
    return report.error(key, "is missing: nobody could tell that a request is ours", std::string(kMakeSecret));
  auto decoded = token::decode_secret(secret, token::SecretEncoding::text);
  if (!decoded) {
    report.error(key, decoded.error().detail, "Write it as the application has it.");
  } else if (auto strong = token::check_strength(*decoded); !strong) {
    report.error(key, strong.error().detail, std::string(kMakeSecret));
  }
}

}  // namespace

void check_webhooks(const Config& config, Reporter& report) {
  const auto& hooks = config.webhooks;
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    const std::string path = fmt::format("webhook[{}]", i);
    const std::string& name = hooks[i].name;
    if (name.empty() || name.size() > 64 || name.find_first_not_of(kLetters) != std::string::npos) {
      report.error(path + ".name", "is not a name", "Use letters, digits, '-', '_' and '.', at most 64.");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (hooks[j].name == name) report.error(path + ".name", "is there twice", "Name each webhook differently.");
    }
    if (auto good = outbound::check_url(hooks[i].url); !good) {
      report.error(path + ".url", good.error().detail, "Write https://…, or http:// on this machine.");
    }
    check_secret(path + ".secret", hooks[i].secret, report);
  }
}

}  // namespace gatecast::server
