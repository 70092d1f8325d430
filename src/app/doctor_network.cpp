// The servers of others that the configuration names: keys, bots, a chain's node, hooks.
#include <charconv>
#include <cmath>

#include "app/doctor.hpp"
#include "outbound/outbound.hpp"
#include "server/json/json_in.hpp"
#include "token/jwk.hpp"

namespace gatecast::app {
namespace {

using namespace server;

constexpr std::chrono::milliseconds kTime{5000};
/// Tokens of others have 60 s of leeway; a difference that is seen at all is worth a word.
constexpr std::int64_t kSkewWarn = 5, kSkewFail = 60;

Place place_of(const Doctor& doctor, const std::string& url) {
  return {.url = url, .ca_file = doctor.config.outbound.ca_file};
}

/// One GET or POST to where the configuration says; what is refused by form is among the findings.
std::optional<Result<HttpReply>> call(const Doctor& doctor, const std::string& url, const std::string& body = {}) {
  if (!outbound::check_url(url)) return std::nullopt;
  return http_call(place_of(doctor, url), "", {{"User-Agent", "gatecast-doctor"}}, body, kTime);
}

void note_skew(std::string_view whose, const HttpReply& reply, Checks& out) {
  if (auto skew = check_skew(whose, reply)) out.push_back(*std::move(skew));
}

void check_trusted_keys(const Doctor& doctor, Checks& out) {
  for (const auto& trusted : doctor.config.token.trusted) {
    if (trusted.jwks_url.empty()) continue;
    doctor.progress(fmt::format("fetching the keys of {}", trusted.name));
    const auto reply = call(doctor, trusted.jwks_url);
    if (!reply) continue;
    const auto seen = [&](std::string_view what) { return fmt::format("{}: {}", trusted.name, what); };
    if (!*reply) {
      out.push_back(check_fail("trusted.keys", seen((*reply).error().detail)));
      continue;
    }
    const auto& answer = **reply;
    const auto keys = token::read_jwks(answer.body, token::SymmetricKeys::refuse);
    if (answer.status != 200 || !keys) {
      out.push_back(check_fail("trusted.keys", seen(answer.status != 200 ? fmt::format("answered {}", answer.status)
                                                                         : keys.error().detail)));
    } else {
      out.push_back(
          check_ok("trusted.keys", seen(fmt::format("{} key{}", keys->size(), keys->size() == 1 ? "" : "s"))));
    }
    note_skew(trusted.name, answer, out);
  }
}

/// The token stands in the path, so nothing of the address is shown.
void check_bots(const Doctor& doctor, Checks& out) {
  for (const auto& bot : doctor.config.signin.telegram.bots) {
    if (bot.token.empty()) continue;
    if (!doctor.arguments.online) {
      out.push_back(check_skip("telegram.online", fmt::format("{}: Telegram is asked with --online", bot.id)));
      continue;
    }
    doctor.progress(fmt::format("asking Telegram for bot {}", bot.id));
    const std::string test = bot.environment == "test" ? "/test" : "";
    const auto reply = http_call(place_of(doctor, "https://api.telegram.org"),
                                 fmt::format("/bot{}{}/getMe", bot.token.expose(), test), {}, "", kTime);
    if (!reply) {
      out.push_back(check_warn("telegram.online",
                               fmt::format("{}: Telegram cannot be reached: {}", bot.id, reply.error().detail),
                               "Sign-in needs no word from Telegram; only this check does."));
    } else if (reply->status != 200) {
      out.push_back(check_fail("telegram.online", fmt::format("{}: answered {}", bot.id, reply->status)));
    } else {
      out.push_back(check_ok("telegram.online", fmt::format("{}: Telegram knows the token", bot.id)));
    }
  }
}

void check_chain(const Doctor& doctor, Checks& out) {
  const auto& ethereum = doctor.config.signin.ethereum;
  if (ethereum.rpc_url.empty()) return;
  doctor.progress("asking the chain's node");
  const auto reply = call(doctor, ethereum.rpc_url, R"({"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]})");
  if (!reply) return;
  // The path of such an address often holds a key.
  if (!*reply) return out.push_back(check_fail("ethereum.rpc", (*reply).error().detail));
  const auto object = server::JsonIn::parse((**reply).body);
  const auto said = object ? object->optional_text("result").value_or("") : "";
  std::uint64_t chain = 0;
  const auto digits = said.starts_with("0x") ? said.substr(2) : "";
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), chain, 16);
  if ((**reply).status != 200 || digits.empty() || ec != std::errc{} || end != digits.data() + digits.size()) {
    out.push_back(check_fail("ethereum.rpc", fmt::format("answered {} without a chain", (**reply).status)));
  } else if (chain != ethereum.rpc_chain) {
    out.push_back(check_fail("ethereum.rpc", fmt::format("the node is of chain {}, signin.ethereum.rpc_chain is {}",
                                                         chain, ethereum.rpc_chain)));
  } else {
    out.push_back(check_ok("ethereum.rpc", fmt::format("chain {}", chain)));
  }
}

/// Whether anything answers: a GET, which a receiver of POSTs may refuse.
void check_receiver(const Doctor& doctor, CheckId id, std::string_view name, const std::string& url, Checks& out) {
  doctor.progress(fmt::format("reaching {}", name));
  const auto reply = call(doctor, url);
  if (!reply) return;
  if (!*reply) {
    out.push_back(check_fail(id, fmt::format("{}: {}", name, (*reply).error().detail)));
  } else if ((**reply).status == 502 || (**reply).status == 503 || (**reply).status == 504) {
    out.push_back(check_warn(id, fmt::format("{}: answered {}", name, (**reply).status)));
  } else {
    out.push_back(check_ok(id, fmt::format("{}: answers", name)));
  }
}

}  // namespace

std::optional<Check> check_skew(std::string_view whose, const HttpReply& reply) {
  const auto said = reply.date();
  if (!said) return std::nullopt;
  const auto ahead = unix_seconds(SystemClock{}.wall()) - *said;
  const auto seen = ahead == 0
                        ? fmt::format("as that of {}", whose)
                        : fmt::format("{} s {} that of {}", std::abs(ahead), ahead > 0 ? "ahead of" : "behind", whose);
  if (std::abs(ahead) >= kSkewFail) return check_fail("clock.skew", seen);
  return std::abs(ahead) >= kSkewWarn ? check_warn("clock.skew", seen) : check_ok("clock.skew", seen);
}

Checks check_network(const Doctor& doctor) {
  Checks out;
  check_trusted_keys(doctor, out);
  check_bots(doctor, out);
  check_chain(doctor, out);
  for (const auto& hook : doctor.config.webhooks) check_receiver(doctor, "webhook.url", hook.name, hook.url, out);
  const auto& signin = doctor.config.signin;
  if (signin.registration == "ask") check_receiver(doctor, "hook.url", "signin.hook_url", signin.hook_url, out);
  return out;
}

}  // namespace gatecast::app
