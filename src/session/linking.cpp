// Further identities of a user, and what sensitive calls need before they are carried out.
#include <algorithm>

#include "crypto/random.hpp"
#include "session/sessions.hpp"

namespace gatecast::session {
namespace {

constexpr std::size_t kIdentityIdChars = 20;

}  // namespace

Task<Result<store::UserView>> Sessions::user(std::string user_id) {
  co_return co_await store_.user(std::move(user_id));
}

Task<Result<store::Linked>> Sessions::link(Caller caller, Proof proof, std::optional<Proof> confirming,
                                           std::string ip) {
  const std::string what = noted(proof);
  Result<store::Linked> linked = co_await try_link(std::move(caller), std::move(proof), std::move(confirming), ip);
  if (!linked.has_value()) refuse(linked.error(), ip, what);
  co_return linked;
}

Task<Result<store::Linked>> Sessions::try_link(Caller caller, Proof proof, std::optional<Proof> confirming,
                                               std::string ip) {
  const WallTime now = clock_.wall();
  Result<Proven> proven = remembered(co_await proofs().prove(std::move(proof), Purpose::link, now));
  if (!proven.has_value()) co_return proven.error();
  // A name without any proof (signin.telegram.direct_registration) may make an account, and never joins one.
  if (proven->nonce.empty()) co_return fail(Errc::initdata_missing, "link");
  std::string user_id = caller.user_id;
  std::string sid = caller.sid;
  // Last, so that what confirms is used up only by a call that has nothing else against it.
  Result<void> confirmed = co_await confirm(std::move(caller), std::move(confirming));
  if (!confirmed.has_value()) co_return confirmed.error();

  store::Link request{.nonce = std::move(proven->nonce),
                      .nonce_expires = proven->nonce_expires,
                      .identity = {.id = crypto::random_id(kIdentityIdChars),
                                   .user_id = std::move(user_id),
                                   .kind = std::move(proven->kind),
                                   .subject = std::move(proven->subject),
                                   .profile = proven->profile.empty() ? "{}" : std::move(proven->profile),
                                   .created_at = now},
                      .sid = std::move(sid),
                      .ip = std::move(ip)};
  Result<store::Linked> linked = co_await store_.link(std::move(request));
  if (!linked.has_value() && linked.error().code == Errc::nonce_used) co_return fail(proven->replayed, "link");
  co_return linked;
}

Task<Result<store::Unlinked>> Sessions::unlink(Caller caller, std::string identity_id, std::optional<Proof> confirming,
                                               std::string ip) {
  std::string user_id = caller.user_id;
  // What would be refused anyway uses up no proof; the store decides again.
  Result<store::UserView> view = co_await store_.user(user_id);
  if (!view.has_value()) co_return view.error();
  const auto& identities = view->identities;
  if (std::ranges::find(identities, identity_id, &store::IdentityRow::id) == identities.end()) {
    co_return fail(Errc::not_found, "identity");
  }
  if (identities.size() == 1) co_return Errc::identity_last;
  Result<void> confirmed = co_await confirm(std::move(caller), std::move(confirming));
  if (!confirmed.has_value()) co_return confirmed.error();
  Result<store::Unlinked> unlinked =
      co_await store_.unlink(std::move(user_id), std::move(identity_id), clock_.wall(), std::move(ip));
  if (unlinked.has_value()) co_await told(unlinked->ended);
  co_return unlinked;
}

Task<Result<void>> Sessions::confirm(Caller caller, std::optional<Proof> proof) {
  if (caller.foreign) co_return fail(Errc::session_foreign, caller.issuer);
  if (!proof.has_value()) co_return co_await require_fresh(std::move(caller));
  co_return co_await confirm_by(std::move(caller.user_id), std::move(*proof));
}

Task<Result<void>> Sessions::confirm_by(std::string user_id, Proof proof) {
  const WallTime now = clock_.wall();
  Result<Proven> proven = remembered(co_await proofs().prove(std::move(proof), Purpose::link, now));
  if (!proven.has_value()) co_return proven.error();
  if (proven->nonce.empty()) co_return fail(Errc::initdata_missing, "confirm");
  if (now - proven->made_at > options_.fresh_signin) {
    co_return fail(Errc::fresh_signin_required, "the proof is too old");
  }
  Result<store::UserView> owner = co_await store_.user_of(proven->kind, proven->subject);
  if (!owner.has_value() && owner.error().code != Errc::user_unknown) co_return owner.error();
  if (!owner.has_value() || owner->user.id != user_id) co_return fail(Errc::proof_foreign);
  Result<void> consumed = co_await store_.consume(std::move(proven->nonce), proven->nonce_expires);
  if (!consumed.has_value() && consumed.error().code == Errc::nonce_used) co_return fail(proven->replayed, "confirm");
  co_return consumed;
}

}  // namespace gatecast::session
