#include "session/accounts.hpp"

#include <algorithm>
#include <array>

#include "crypto/random.hpp"
#include "identity/ethereum_address.hpp"
#include "identity/solana_address.hpp"
#include "identity/telegram_user.hpp"
#include "session/kinds.hpp"
#include "token/connection_claims.hpp"
#include "token/json_object.hpp"

namespace gatecast::session {
namespace {

constexpr std::size_t kIdentityIdChars = 20;
constexpr std::size_t kRefCodeChars = 8;

/// What tokens carry of themselves, by any profile: a free claim of that name would lie to a verifier.
constexpr std::array<std::string_view, 29> kOwnClaims{
    "iss",      "aud",        "exp",      "nbf",           "iat",       "jti",        "sub",       "sid",
    "gen",      "cnf",        "typ",      "azp",           "act",       "scope",      "client_id", "auth_time",
    "userId",   "user_id",    "wallet",   "nickname",      "isCreator", "isVerified", "ref_code",  "telegram_id",
    "username", "first_name", "gatecast", "identity_kind", "variant"};

Result<void> check_text(std::string_view name, const std::optional<std::string>& text, std::size_t bytes) {
  if (!text.has_value()) return {};
  const bool control =
      std::ranges::any_of(*text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (text->size() > bytes || control) {
    return fail(Errc::field_invalid, fmt::format("{}: at most {} bytes, no control characters", name, bytes));
  }
  return {};
}

bool is_ref_code(std::string_view code) {
  return !code.empty() && code.size() <= kRefCodeBytesMax && std::ranges::all_of(code, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

Result<void> check_change(store::UserChange& change) {
  if (!is_user_id(change.id)) return fail(Errc::user_invalid, "id");
  if (auto ok = check_text("nickname", change.nickname, kNicknameBytesMax); !ok.has_value()) return ok;
  if (auto ok = check_text("avatar", change.avatar, kAvatarBytesMax); !ok.has_value()) return ok;
  if (change.ref_code.has_value() && !is_ref_code(*change.ref_code)) return fail(Errc::field_invalid, "ref_code");
  if (change.referrer.has_value() && !is_user_id(*change.referrer)) return fail(Errc::user_invalid, "referrer");
  if (change.claims.has_value()) {
    if (auto ok = check_claims(*change.claims); !ok.has_value()) return ok;
  }
  if (change.identities.size() > store::kIdentitiesMax) return fail(Errc::identity_limit);
  for (store::IdentityRow& identity : change.identities) {
    Result<std::string> subject = stored_subject(identity.kind, identity.subject);
    if (!subject.has_value()) return subject.error();
    identity.subject = std::move(*subject);
  }
  return {};
}

void fill(store::UserChange& change, WallTime now) {
  change.new_user.id = change.id;
  change.new_user.ref_code = crypto::random_id(kRefCodeChars);
  change.new_user.created_at = now;
  for (store::IdentityRow& identity : change.identities) {
    identity.id = crypto::random_id(kIdentityIdChars);
    identity.user_id = change.id;
    identity.created_at = now;
  }
}

}  // namespace

bool is_user_id(std::string_view id) {
  return !id.empty() && id.size() <= store::kUserIdBytesMax && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '@' || c == '-';
  });
}

Result<void> check_claims(std::string_view json) {
  if (json.size() > store::kClaimsBytesMax) {
    return fail(Errc::field_invalid, fmt::format("claims: at most {} bytes", store::kClaimsBytesMax));
  }
  const auto object = token::JsonObject::parse(json);
  if (!object.has_value() || object->members().size() > kClaimsMembersMax) {
    return fail(Errc::field_invalid, fmt::format("claims: one JSON object of at most {} members", kClaimsMembersMax));
  }
  for (const token::JsonMember& member : object->members()) {
    if (std::ranges::find(kOwnClaims, member.name) != kOwnClaims.end()) {
      return fail(Errc::field_invalid, fmt::format("claims: '{}' is a token's own", member.name));
    }
  }
  // Those that mean something to a connection: ill-formed ones would keep the user from connecting.
  if (auto read = token::read_connection_claims(json); !read) return fail(Errc::field_invalid, read.error().detail);
  return {};
}

Result<std::string> stored_subject(std::string_view kind, std::string_view subject) {
  if (kind == kChainEthereum) return identity::ethereum_address(subject);
  if (kind == kChainSolana) {
    Result<std::string> key = identity::solana_public_key(subject);
    if (!key.has_value()) return key.error();
    return std::string(subject);
  }
  if (kind == kKindTelegram) {
    const auto id = identity::telegram_id(subject);
    if (!id.has_value()) return fail(Errc::field_invalid, "identities: subject is not a Telegram id");
    return std::to_string(*id);
  }
  return fail(Errc::field_invalid, "identities: kind is solana, ethereum or telegram");
}

Task<Result<std::vector<Upserted>>> Accounts::upsert(std::vector<store::UserChange> changes, bool dry_run) {
  const WallTime now = parts_.clock.wall();
  std::vector<Upserted> out(changes.size());
  std::vector<store::UserChange> good;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (Result<void> checked = check_change(changes[i]); !checked.has_value()) {
      out[i].changed.refused = checked.error().code;
      out[i].detail = std::move(checked.error().detail);
      continue;
    }
    fill(changes[i], now);
    good.push_back(std::move(changes[i]));
    places.push_back(i);
  }
  if (good.empty()) co_return out;
  auto changed = co_await parts_.store.upsert_users(std::move(good), now, dry_run);
  if (!changed.has_value()) co_return changed.error();
  for (std::size_t i = 0; i < places.size() && i < changed->size(); ++i) {
    out[places[i]].changed = std::move((*changed)[i]);
  }
  if (!dry_run) parts_.events.ring();
  co_return out;
}

Task<Result<store::UserView>> Accounts::user(std::string id) {
  if (!is_user_id(id)) co_return fail(Errc::user_unknown, "form");
  co_return co_await parts_.store.user(std::move(id));
}

Task<Result<store::Blocked>> Accounts::block(std::string id, bool blocked, std::string ip, std::string actor) {
  if (!is_user_id(id)) co_return fail(Errc::user_unknown, "form");
  auto done =
      co_await parts_.store.block_user(std::move(id), blocked, parts_.clock.wall(), std::move(ip), std::move(actor));
  if (!done.has_value()) co_return done;
  parts_.events.ring();
  if (blocked) co_await parts_.sessions.told(done->ended);
  co_return done;
}

// A trusted issuer's user has an id of another form, and is known where anything is kept of them.
Task<Result<std::size_t>> Accounts::remove(std::string id, std::string actor) {
  auto ended = co_await parts_.store.delete_user(std::move(id), parts_.clock.wall(), std::move(actor));
  if (!ended.has_value()) co_return ended.error();
  const std::size_t count = ended->size();
  parts_.events.ring();
  co_await parts_.sessions.told(std::move(*ended));
  co_return count;
}

Task<Result<std::vector<store::SessionRow>>> Accounts::sessions(std::string id) {
  // An unknown user is a typing error, not someone without sessions.
  Result<store::UserView> known = co_await user(id);
  if (!known.has_value()) co_return known.error();
  co_return co_await parts_.store.sessions_of(std::move(id), parts_.clock.wall());
}

Task<Result<store::Ended>> Accounts::end_session(std::string sid, std::string ip) {
  auto ended = co_await parts_.sessions.end(std::move(sid), Errc::ended_by_operator, std::move(ip));
  if (ended.has_value()) parts_.events.ring();
  co_return ended;
}

Task<Result<std::size_t>> Accounts::end_sessions(std::string id, std::string ip) {
  Result<store::UserView> known = co_await user(id);
  if (!known.has_value()) co_return known.error();
  auto ended = co_await parts_.store.end_sessions(std::move(id), {}, Errc::ended_by_operator, parts_.clock.wall(),
                                                  std::move(ip));
  if (!ended.has_value()) co_return ended.error();
  const std::size_t count = ended->size();
  parts_.events.ring();
  co_await parts_.sessions.told(std::move(*ended));
  co_return count;
}

Task<Result<void>> Accounts::prepare_mint(std::string id, bool create, std::optional<std::string> claims) {
  if (claims.has_value()) {
    if (auto ok = check_claims(*claims); !ok.has_value()) co_return ok;
  }
  Result<store::UserView> known = co_await user(id);
  const bool unknown = !known.has_value() && known.error().code == Errc::user_unknown;
  if (!known.has_value() && !(unknown && create)) co_return known.error();
  if (known.has_value() && known->user.blocked) co_return fail(Errc::user_blocked);
  if (!claims.has_value()) co_return Result<void>{};
  store::UserChange change{.id = std::move(id), .claims = std::move(claims)};
  auto changed = co_await upsert({std::move(change)}, false);
  if (!changed.has_value()) co_return changed.error();
  if (!changed->front().changed.ok) co_return fail(changed->front().changed.refused);
  co_return Result<void>{};
}

Task<Result<Tokens>> Accounts::mint(std::string id, bool create, std::optional<std::string> claims, ClientInfo client) {
  if (!is_user_id(id)) co_return fail(create ? Errc::user_invalid : Errc::user_unknown, "form");
  Result<void> prepared = co_await prepare_mint(id, create, std::move(claims));
  if (!prepared.has_value()) co_return prepared.error();
  Result<Tokens> tokens = co_await parts_.sessions.start(std::move(id), create, std::move(client));
  if (tokens.has_value()) {
    parts_.events.ring();
  } else if (tokens.error().code == Errc::registration_closed) {
    co_return fail(Errc::user_unknown, "deleted meanwhile");
  }
  co_return tokens;
}

}  // namespace gatecast::session
