#include "session/proofs.hpp"

#include <algorithm>

#include "core/text_form.hpp"
#include "identity/contract_wallet.hpp"
#include "session/chain_node.hpp"
#include "session/refresh_token.hpp"
#include "session/short_text.hpp"
#include "session/telegram_profile.hpp"

namespace gatecast::session {
namespace {

// A page that reloads, or React's strict mode, shows the same initData again within moments.
constexpr std::chrono::seconds kReloadWindow{60};
// What the audit of a refusal keeps of an address that may be anything.
constexpr std::size_t kNotedBytesMax = 64;

Result<void> check_telegram_sign_in(const TelegramSignIn& config) {
  if (config.enabled && config.policy.bots.empty() && !config.direct) {
    return fail(Errc::config_invalid, "signin.telegram.bot: none");
  }
  return {};
}

}  // namespace

std::string noted(const Proof& proof) {
  if (const auto* wallet = std::get_if<WalletSignIn>(&proof)) return cut(wallet->address, kNotedBytesMax);
  const auto& telegram = std::get<TelegramProof>(proof);
  if (!telegram.init_data.empty()) return "initData";
  return telegram.widget.empty() ? "telegram" : "widget";
}

Result<Proofs> Proofs::make(Options options, const SessionKeyList& keys, outbound::Outbound* outbound) {
  if (Result<void> checked = check_solana_sign_in(options.solana); !checked.has_value()) return checked.error();
  if (Result<void> checked = check_ethereum_sign_in(options.ethereum); !checked.has_value()) return checked.error();
  if (Result<void> checked = check_telegram_sign_in(options.telegram); !checked.has_value()) return checked.error();
  if (options.ethereum.enabled && !options.ethereum.rpc_url.empty() && outbound == nullptr) {
    return fail(Errc::config_invalid, "signin.ethereum.rpc_url: nothing to ask it with");
  }
  Result<NonceKeys> nonces = NonceKeys::make(keys);
  if (!nonces.has_value()) return nonces.error();
  return Proofs(std::move(options), std::move(*nonces), derived_mac(keys.front(), "reload"), outbound);
}

Result<Challenge> Proofs::challenge(const ChallengeRequest& request, WallTime now) const {
  if (request.chain == kChainEthereum) return make_challenge(options_.ethereum, nonces_, request, now);
  return make_challenge(options_.solana, nonces_, request, now);
}

Task<Result<Proven>> Proofs::prove(Proof proof, Purpose purpose, WallTime now) const {
  if (const auto* telegram = std::get_if<TelegramProof>(&proof)) co_return prove_telegram(*telegram, now);
  co_return co_await prove_wallet(std::move(std::get<WalletSignIn>(proof)), purpose, now);
}

Task<Result<Proven>> Proofs::prove_wallet(WalletSignIn proof, Purpose purpose, WallTime now) const {
  const bool ethereum = proof.chain == kChainEthereum;
  if (!ethereum && proof.chain != kChainSolana) co_return fail(Errc::chain_unsupported);
  if (ethereum ? !options_.ethereum.enabled : !options_.solana.enabled) {
    co_return fail(Errc::signin_disabled, fmt::format("signin.{}.enabled", proof.chain));
  }
  const bool signed_something = !proof.message.empty() || !proof.signed_message.empty();
  if (proof.signature.empty() || !signed_something) co_return fail(Errc::challenge_required);
  if (!ethereum) co_return prove_solana(std::move(proof), purpose, now);
  co_return co_await prove_ethereum(std::move(proof), purpose, now);
}

Result<Proven> Proofs::prove_solana(WalletSignIn proof, Purpose purpose, WallTime now) const {
  const identity::SolanaProof solana{std::move(proof.address), std::move(proof.message),
                                     std::move(proof.signed_message), std::move(proof.signature)};
  Result<identity::WalletClaim> claim = identity::verify_solana(solana, options_.solana.policy, now);
  if (!claim.has_value()) return claim.error();
  return wallet_proven(kChainSolana, std::move(*claim), purpose, now);
}

Task<Result<Proven>> Proofs::prove_ethereum(WalletSignIn proof, Purpose purpose, WallTime now) const {
  // Ethereum's wallets wrap the text in one way only, so its bytes and the text are the same.
  std::string text = proof.message.empty() ? std::move(proof.signed_message) : std::move(proof.message);
  const identity::EthereumProof ethereum{std::move(proof.address), std::move(text), std::move(proof.signature)};
  Result<identity::WalletClaim> claim = identity::verify_ethereum(ethereum, options_.ethereum.policy, now);
  if (claim.has_value()) co_return wallet_proven(kChainEthereum, std::move(*claim), purpose, now);

  // A contract's signature may have any size and look like a key's. The node is asked last: only for a text that is
  // good in everything else, with a nonce of ours, so that it cannot be made to work for nothing.
  const Error refused = claim.error();
  if (options_.ethereum.rpc_url.empty() || !identity::may_be_contract_signature(refused.code)) co_return refused;
  Result<std::string> signature = identity::contract_signature(ethereum.signature);
  if (!signature.has_value()) co_return signature.error();
  claim = identity::read_ethereum_claim(ethereum, options_.ethereum.policy, now);
  if (!claim.has_value()) co_return claim.error();
  if (claim->chain_id != std::to_string(options_.ethereum.rpc_chain)) {
    co_return fail(refused.code, fmt::format("no node of chain {} to ask", claim->chain_id));
  }
  const std::string address = claim->address;
  Result<Proven> proven = wallet_proven(kChainEthereum, std::move(*claim), purpose, now);
  if (!proven.has_value()) co_return proven;
  const ChainNode node{*outbound_, options_.ethereum.rpc_url};
  Result<bool> valid = co_await is_valid_signature(node, address, identity::personal_message_hash(ethereum.message),
                                                   std::move(*signature));
  if (!valid.has_value()) co_return valid.error();
  if (!*valid) co_return refused;
  co_return proven;
}

Result<Proven> Proofs::wallet_proven(std::string_view chain, identity::WalletClaim claim, Purpose purpose,
                                     WallTime now) const {
  Result<OpenedNonce> nonce = nonces_.open(claim.nonce, {purpose, chain, claim.address, claim.domain}, now);
  if (!nonce.has_value()) return nonce.error();
  return Proven{.kind = std::string(chain),
                .subject = std::move(claim.address),
                .how = std::string(chain),
                .nonce = std::move(claim.nonce),
                .nonce_expires = nonce->expires,
                // The nonce is ours and says when: what the text says of itself may be ten minutes off.
                .made_at = nonce->expires - kChallengeLife};
}

Result<Proven> Proofs::prove_telegram(const TelegramProof& proof, WallTime now) const {
  const TelegramSignIn& config = options_.telegram;
  if (!config.enabled) return fail(Errc::signin_disabled, "signin.telegram.enabled");
  if (!proof.init_data.empty()) {
    Result<identity::TelegramClaim> claim =
        identity::verify_init_data(proof.init_data, config.policy, now, proof.bot_id);
    if (!claim.has_value()) return claim.error();
    return telegram_proven(*claim, "telegram");
  }
  if (!proof.widget.empty()) {
    Result<identity::TelegramClaim> claim =
        identity::verify_login_widget(proof.widget, config.policy, now, proof.bot_id);
    if (!claim.has_value()) return claim.error();
    return telegram_proven(*claim, "telegram_widget");
  }
  if (!proof.unverified.has_value() || !config.direct) return fail(Errc::initdata_missing);
  const identity::TelegramUser& user = *proof.unverified;
  return Proven{.kind = std::string(kKindTelegram),
                .subject = std::to_string(user.id),
                .profile = telegram_profile(user),
                .how = "direct",
                .made_at = now,
                .nickname = telegram_nickname(user),
                .avatar = telegram_avatar(user)};
}

Proven Proofs::telegram_proven(const identity::TelegramClaim& claim, std::string_view how) const {
  const identity::TelegramUser user{.id = claim.telegram_id,
                                    .username = claim.username,
                                    .first_name = claim.first_name,
                                    .last_name = claim.last_name,
                                    .language = claim.language,
                                    .photo_url = claim.photo_url,
                                    .is_premium = claim.is_premium};
  const WallTime refused_from = claim.auth_date + options_.telegram.policy.max_age + identity::kAuthDateLead;
  // One nonce for every purpose: what has signed in links nothing afterwards, and the other way round.
  return Proven{.kind = std::string(kKindTelegram),
                .subject = std::to_string(claim.telegram_id),
                .profile = telegram_profile(user),
                .how = std::string(how),
                .nonce = base64url_encode(crypto::sha256("initdata" + claim.replay_key)),
                .nonce_expires = refused_from,
                .made_at = claim.auth_date,
                .replayed = Errc::initdata_replayed,
                .reload_window = kReloadWindow,
                .secret = base64url_encode(reload_.mac(claim.replay_key).substr(0, kRefreshSecretBytes)),
                .ref_code = referral_of(claim.start_param),
                .nickname = telegram_nickname(user),
                .avatar = telegram_avatar(user)};
}

}  // namespace gatecast::session
