#include "session/challenge.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "identity/ethereum_address.hpp"
#include "identity/ethereum_message.hpp"
#include "identity/solana_message.hpp"

namespace gatecast::session {
namespace {

constexpr std::string_view kHttps = "https://";
constexpr std::string_view kHttp = "http://";
constexpr std::string_view kDefaultChainId = "mainnet";
constexpr std::size_t kUriBytesMax = 2048;

/// A URI's origin, where it is one a message may have: https, or http on this machine.
struct Origin {
  std::string_view whole, authority;
};

bool is_local(std::string_view authority) {
  const std::size_t from = authority.starts_with('[') ? authority.find(']') : 0;
  const std::string_view host = authority.substr(0, authority.find(':', std::min(from, authority.size())));
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

std::optional<Origin> origin_of(std::string_view uri) {
  const auto printable = [](char c) { return c > 0x20 && c < 0x7f; };
  if (uri.size() > kUriBytesMax || !std::ranges::all_of(uri, printable)) return std::nullopt;
  const std::string_view scheme = uri.starts_with(kHttps) ? kHttps : kHttp;
  if (!uri.starts_with(scheme)) return std::nullopt;
  const std::string_view rest = uri.substr(scheme.size());
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.empty() || (scheme == kHttp && !is_local(authority))) return std::nullopt;
  return Origin{uri.substr(0, scheme.size() + authority.size()), authority};
}

bool contains(const std::vector<std::string>& list, std::string_view item) {
  return std::ranges::find(list, item) != list.end();
}

struct Place {
  std::string domain, uri;
};

/// The domain a URI stands for; nothing where the policy does not know it.
std::optional<Place> place_of(const auto& policy, std::string_view uri) {
  const std::optional<Origin> origin = origin_of(uri);
  if (!origin.has_value()) return std::nullopt;
  if (contains(policy.domains, origin->authority)) return Place{std::string(origin->authority), std::string(uri)};
  if (contains(policy.uris, origin->whole)) return Place{policy.domains.front(), std::string(uri)};
  return std::nullopt;
}

Result<Place> choose_place(const auto& config, const ChallengeRequest& request) {
  if (request.uri.has_value()) {
    std::optional<Place> place = place_of(config.policy, *request.uri);
    if (!place.has_value()) return fail(Errc::uri_mismatch, "uri of the challenge");
    return std::move(*place);
  }
  if (std::optional<Place> place = place_of(config.policy, request.origin)) return std::move(*place);
  const std::string& domain = config.policy.domains.front();
  if (!config.uri.empty()) return Place{domain, config.uri};
  return Place{domain, std::string(is_local(domain) ? kHttp : kHttps) + domain};
}

/// `solana:mainnet` and `mainnet` are one chain; what else follows `solana:` is a genesis hash and stays as it is.
std::string_view chain_name(std::string_view chain_id) {
  constexpr std::string_view kPrefix = "solana:";
  constexpr std::array<std::string_view, 4> kNames{"mainnet", "testnet", "devnet", "localnet"};
  if (!chain_id.starts_with(kPrefix)) return chain_id;
  const std::string_view name = chain_id.substr(kPrefix.size());
  return std::ranges::find(kNames, name) != kNames.end() ? name : chain_id;
}

Result<std::string> choose_chain_id(const identity::SolanaPolicy& policy, const std::optional<std::string>& asked) {
  const auto allowed = [&policy](std::string_view id) {
    return std::ranges::any_of(policy.chains, [id](const auto& c) { return chain_name(c) == chain_name(id); });
  };
  if (asked.has_value()) {
    if (!allowed(*asked)) return fail(Errc::chain_mismatch, "chain id of the challenge");
    return *asked;
  }
  if (allowed(kDefaultChainId)) return std::string(kDefaultChainId);
  return policy.chains.empty() ? std::string{} : policy.chains.front();
}

std::string solana_text(const ChallengeInput& input) {
  return identity::format_solana_message({.domain = input.domain,
                                          .address = input.address,
                                          .statement = input.statement,
                                          .uri = input.uri,
                                          .version = input.version,
                                          .chain_id = input.chain_id,
                                          .nonce = input.nonce,
                                          .issued_at = input.issued_at,
                                          .expires_at = input.expiration_time});
}

std::string ethereum_text(const ChallengeInput& input, std::uint64_t chain) {
  return identity::format_ethereum_message({.domain = input.domain,
                                            .address = input.address,
                                            .statement = input.statement,
                                            .uri = input.uri,
                                            .version = input.version,
                                            .chain_id = chain,
                                            .nonce = input.nonce,
                                            .issued_at = input.issued_at,
                                            .expires_at = input.expiration_time});
}

/// All but address and nonce.
ChallengeInput input_of(Place place, std::string chain_id, std::string_view statement, Purpose purpose, WallTime now) {
  const WallTime issued = std::chrono::floor<std::chrono::seconds>(now);
  return {.domain = std::move(place.domain),
          .address = {},
          .statement = std::string(purpose == Purpose::link ? kLinkStatement : statement),
          .uri = std::move(place.uri),
          .version = "1",
          .chain_id = std::move(chain_id),
          .nonce = {},
          .issued_at = issued,
          .expiration_time = issued + kChallengeLife};
}

Result<std::uint64_t> choose_chain(const identity::EthereumPolicy& policy, const std::optional<std::string>& asked) {
  if (!asked.has_value()) return policy.chains.front();
  std::uint64_t chain = 0;
  const char* end = asked->data() + asked->size();
  const auto [stop, error] = std::from_chars(asked->data(), end, chain);
  if (error != std::errc{} || stop != end || std::ranges::find(policy.chains, chain) == policy.chains.end()) {
    return fail(Errc::chain_mismatch, "chain id of the challenge");
  }
  return chain;
}

}  // namespace

Result<Challenge> make_challenge(const SolanaSignIn& config, const NonceKeys& nonces, const ChallengeRequest& request,
                                 WallTime now) {
  if (request.chain != kChainSolana) return fail(Errc::chain_unsupported);
  if (!config.enabled) return fail(Errc::signin_disabled, "signin.solana.enabled");
  if (request.address.has_value()) {
    if (Result<std::string> key = identity::solana_public_key(*request.address); !key.has_value()) return key.error();
  }
  Result<Place> place = choose_place(config, request);
  if (!place.has_value()) return place.error();
  Result<std::string> chain_id = choose_chain_id(config.policy, request.chain_id);
  if (!chain_id.has_value()) return chain_id.error();

  ChallengeInput input = input_of(std::move(*place), std::move(*chain_id), config.statement, request.purpose, now);
  input.address = request.address.value_or("");
  input.nonce = nonces.issue({request.purpose, kChainSolana, input.address, input.domain}, input.expiration_time);
  std::string message = input.address.empty() ? std::string{} : solana_text(input);
  return Challenge{std::move(message), std::move(input)};
}

Result<Challenge> make_challenge(const EthereumSignIn& config, const NonceKeys& nonces, const ChallengeRequest& request,
                                 WallTime now) {
  if (request.chain != kChainEthereum) return fail(Errc::chain_unsupported);
  if (!config.enabled) return fail(Errc::signin_disabled, "signin.ethereum.enabled");
  std::string address;
  if (request.address.has_value()) {
    Result<std::string> lower = identity::ethereum_address(*request.address);
    if (!lower.has_value()) return lower.error();
    address = std::move(*lower);
  }
  Result<Place> place = choose_place(config, request);
  if (!place.has_value()) return place.error();
  const Result<std::uint64_t> chain = choose_chain(config.policy, request.chain_id);
  if (!chain.has_value()) return chain.error();

  ChallengeInput input = input_of(std::move(*place), std::to_string(*chain), config.statement, request.purpose, now);
  input.nonce = nonces.issue({request.purpose, kChainEthereum, address, input.domain}, input.expiration_time);
  if (address.empty()) return Challenge{{}, std::move(input)};
  input.address = identity::with_checksum(address);
  std::string message = ethereum_text(input, *chain);
  return Challenge{std::move(message), std::move(input)};
}

std::optional<Purpose> purpose_from_name(std::string_view name) {
  if (name == "signin") return Purpose::signin;
  if (name == "link") return Purpose::link;
  return std::nullopt;
}

Result<void> check_solana_sign_in(const SolanaSignIn& config) {
  if (!config.enabled) return {};
  if (config.policy.domains.empty()) return fail(Errc::config_invalid, "signin.solana.domain: none");
  if (!config.uri.empty() && !place_of(config.policy, config.uri).has_value()) {
    return fail(Errc::config_invalid, "signin.solana.uri: not on signin.solana.domain");
  }
  if (!config.statement.empty() && !identity::is_solana_statement(config.statement)) {
    return fail(Errc::config_invalid, "signin.solana.statement: cannot stand in a sign-in message");
  }
  return {};
}

Result<void> check_ethereum_sign_in(const EthereumSignIn& config) {
  if (!config.enabled) return {};
  if (config.policy.domains.empty()) return fail(Errc::config_invalid, "signin.ethereum.domain: none");
  if (config.policy.chains.empty()) return fail(Errc::config_invalid, "signin.ethereum.chains: none");
  if (!config.uri.empty() && !place_of(config.policy, config.uri).has_value()) {
    return fail(Errc::config_invalid, "signin.ethereum.uri: not on signin.ethereum.domain");
  }
  if (!config.statement.empty() && !identity::is_ethereum_statement(config.statement)) {
    return fail(Errc::config_invalid, "signin.ethereum.statement: cannot stand in a sign-in message");
  }
  if (!config.rpc_url.empty() &&
      std::ranges::find(config.policy.chains, config.rpc_chain) == config.policy.chains.end()) {
    return fail(Errc::config_invalid, "signin.ethereum.rpc_chain: not one of signin.ethereum.chains");
  }
  return {};
}

}  // namespace gatecast::session
