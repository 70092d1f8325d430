// How sessions come to be: by a proof, or by a trusted back end.
#include <algorithm>

#include "core/failpoint.hpp"
#include "core/log.hpp"
#include "crypto/random.hpp"
#include "session/sessions.hpp"
#include "session/short_text.hpp"
#include "session/telegram_profile.hpp"

namespace gatecast::session {
namespace {

constexpr std::size_t kUserIdChars = 20;
constexpr std::size_t kIdentityIdChars = 20;
constexpr std::size_t kRefCodeChars = 8;
constexpr std::size_t kUserAgentBytesMax = 256;
constexpr std::string_view kHowApi = "api";
constexpr std::string_view kHowDirect = "direct";

store::SessionRow session_row(std::string_view how, const ClientInfo& client, const SessionOptions& options,
                              WallTime now) {
  const auto second = std::chrono::floor<std::chrono::seconds>(now);
  const WallTime absolute = second + options.absolute_ttl;
  const auto refresh_ttl = std::chrono::floor<std::chrono::seconds>(options.rotation.refresh_ttl);
  return {.sid = {},
          .user_id = {},
          .how = std::string(how),
          .ip = client.ip,
          .user_agent = cut(client.user_agent, kUserAgentBytesMax),
          .created_at = now,
          .last_seen_at = now,
          .expires_at = std::min<WallTime>(second + refresh_ttl, absolute),
          .absolute_expires_at = absolute};
}

/// A nonce that was used has a name for each kind of proof.
Error named(Errc code, Error error) { return error.code == Errc::nonce_used ? fail(code, error.detail) : error; }

}  // namespace

Result<Challenge> Sessions::challenge(const ChallengeRequest& request) {
  Result<Challenge> made = proofs().challenge(request, clock_.wall());
  if (!made.has_value()) stats_.refused(made.error().code);
  return made;
}

void Sessions::refuse(const Error& error, const std::string& ip, std::string_view what) {
  stats_.refused(error.code);
  refusals_.note(error.code, ip, what, clock_.wall());
}

Task<Result<Tokens>> Sessions::sign_in_wallet(WalletSignIn proof, ClientInfo client) {
  std::string ref_code = proof.ref_code;
  co_return co_await sign_in(std::move(proof), std::move(client), std::move(ref_code));
}

Task<Result<Tokens>> Sessions::sign_in(Proof proof, ClientInfo client, std::string ref_code) {
  const std::string ip = client.ip;
  const std::string what = noted(proof);
  Result<Tokens> tokens = co_await try_sign_in(std::move(proof), std::move(client), std::move(ref_code));
  if (tokens.has_value()) {
    Stats::add(stats_.sign_ins);
    if (tokens->created) Stats::add(stats_.users_created);
    if (tokens->session.how == kHowDirect) co_await note_direct(*tokens);
  } else {
    refuse(tokens.error(), ip, what);
  }
  co_return tokens;
}

/// A sign-in that proved nothing stands out in the audit log.
Task<void> Sessions::note_direct(const Tokens& tokens) {
  std::vector<store::AuditRow> rows{{.at = clock_.wall(),
                                     .kind = "signin_unproven",
                                     .user_id = tokens.user.id,
                                     .sid = tokens.session.sid,
                                     .ip = tokens.session.ip,
                                     .detail = "signin.telegram.direct_registration"}};
  Result<void> written = co_await store_.audit(std::move(rows));
  if (!written.has_value()) log::warn("audit_failed", {{"code", info(written.error().code).name}});
}

Task<Result<Tokens>> Sessions::try_sign_in(Proof proof, ClientInfo client, std::string ref_code) {
  const WallTime now = clock_.wall();
  Result<Proven> proven = remembered(co_await proofs().prove(std::move(proof), Purpose::signin, now));
  if (!proven.has_value()) co_return proven.error();
  store::SignIn request = request_for(*proven, client, ref_code, now);
  std::string secret = proven->secret.empty() ? RefreshKeys::new_secret() : std::move(proven->secret);
  co_return co_await make_session(std::move(request), std::move(secret), proven->replayed, now);
}

Task<Result<Tokens>> Sessions::start(std::string user_id, bool create, ClientInfo client) {
  const WallTime now = clock_.wall();
  store::SignIn request;
  request.new_user.id = std::move(user_id);
  request.new_user.ref_code = crypto::random_id(kRefCodeChars);
  request.new_user.created_at = now;
  request.may_register = create;
  request.session = session_row(kHowApi, client, options_, now);
  Result<Tokens> tokens = co_await make_session(std::move(request), RefreshKeys::new_secret(), Errc::nonce_used, now);
  if (tokens.has_value() && tokens->created) Stats::add(stats_.users_created);
  co_return tokens;
}

store::SignIn Sessions::request_for(const Proven& proven, const ClientInfo& client, const std::string& ref_code,
                                    WallTime now) const {
  store::SignIn request;
  request.nonce = proven.nonce;
  request.nonce_expires = proven.nonce_expires;
  request.reload_window = proven.reload_window;
  request.kind = proven.kind;
  request.subject = proven.subject;
  request.profile = proven.profile;
  request.new_user.id = crypto::random_id(kUserIdChars);
  request.new_user.ref_code = crypto::random_id(kRefCodeChars);
  request.new_user.created_at = now;
  request.new_user.nickname = proven.nickname;
  request.new_user.avatar = proven.avatar;
  request.identity_id = crypto::random_id(kIdentityIdChars);
  request.may_register = options_.registration == Registration::open;
  // A signed start parameter may be another deep link than a referral, so the client's code counts after it.
  request.ref_code = proven.ref_code;
  if (ref_code.size() <= kReferralBytesMax) request.ref_code_else = ref_code;
  request.session = session_row(proven.how, client, options_, now);
  return request;
}

/// The store's sign-in; where it needs a new account that the application has the say in, that is asked for first.
Task<Result<store::SignedIn>> Sessions::store_sign_in(store::SignIn request) {
  const bool ask = options_.registration == Registration::ask && !request.kind.empty();
  if (!ask) co_return co_await store_.sign_in(std::move(request));
  Result<store::SignedIn> made = co_await store_.sign_in(request);
  if (made.has_value() || made.error().code != Errc::registration_closed) co_return made;

  const std::string proposed = request.new_user.id;
  const std::string& ref_code = request.ref_code.empty() ? request.ref_code_else : request.ref_code;
  Newcomer newcomer{request.kind, request.subject, request.profile, ref_code, request.session.ip};
  Result<store::UserRow> user =
      co_await ask_hook(options_.hook, *outbound_, std::move(newcomer), request.new_user, request.new_user.created_at);
  if (!user.has_value()) co_return user.error();
  if (user->id != proposed) {
    // The application adds identities to accounts that are there with user_upsert; a sign-in never does.
    Result<store::UserView> known = co_await store_.user(user->id);
    if (known.has_value()) co_return fail(Errc::registration_refused, "the hook's user id is taken");
    if (known.error().code != Errc::user_unknown) co_return known.error();
  }
  request.new_user = std::move(*user);
  request.may_register = true;
  co_return co_await store_.sign_in(std::move(request));
}

Task<Result<Tokens>> Sessions::make_session(store::SignIn request, std::string secret, Errc replayed, WallTime now) {
  std::string kind = request.kind;
  std::string subject = request.subject;
  request.secret_hash = RefreshKeys::hash(secret);
  request.sessions_max = options_.per_user;
  request.sid_for = [this](std::string_view user_id) { return sids().issue(user_id); };
  Result<store::SignedIn> made = co_await store_sign_in(std::move(request));
  if (!made.has_value()) co_return named(replayed, made.error());
  GATECAST_FAILPOINT("session.signed_in");
  if (!made->ended.empty()) co_await told(std::move(made->ended));
  co_return mint({.user = std::move(made->user),
                  .session = std::move(made->session),
                  .kind = std::move(kind),
                  .subject = std::move(subject),
                  .profile = std::move(made->profile),
                  .secret = std::move(secret),
                  .created = made->created,
                  .repeated = made->repeated},
                 now);
}

}  // namespace gatecast::session
