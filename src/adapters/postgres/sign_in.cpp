// Sign-ins: two round trips, the second of which is durable when it returns.
//
// A sign-in holds its user's row shared until it commits, and its identity against removal. What ends all of a user's
// sessions, blocks or deletes the user, or unlinks the identity, writes those rows: it comes before, and is seen here,
// or after, and then finds the session.
#include "adapters/postgres/operations.hpp"
#include "adapters/postgres/sql_end.hpp"
#include "store/address_prefix.hpp"

namespace gatecast::postgres {
namespace {

using store::IdentityRow;
using store::SignedIn;
using store::SignIn;
using store::UserRow;

#define GATECAST_PG_OWNER                                        \
  "SELECT " GATECAST_USER_COLUMNS ", " GATECAST_IDENTITY_COLUMNS \
  " FROM gatecast.identities i JOIN gatecast.users u ON u.id = i.user_id WHERE i.kind = $1 AND i.subject = $2"

constexpr Statement kOwner{"sign_in.owner", GATECAST_PG_OWNER " FOR SHARE OF u FOR KEY SHARE OF i"};
// With a limit of sessions two sign-ins of one user must see each other's session.
constexpr Statement kOwnerAlone{"sign_in.owner_alone", GATECAST_PG_OWNER " FOR NO KEY UPDATE OF u FOR KEY SHARE OF i"};
constexpr Statement kUser{"sign_in.user",
                          "SELECT " GATECAST_USER_COLUMNS " FROM gatecast.users u WHERE u.id = $1 FOR SHARE"};
constexpr Statement kUserAlone{
    "sign_in.user_alone", "SELECT " GATECAST_USER_COLUMNS " FROM gatecast.users u WHERE u.id = $1 FOR NO KEY UPDATE"};
constexpr Statement kNonce{"sign_in.nonce", "SELECT sid, used_at FROM gatecast.used_nonces WHERE nonce = $1"};
constexpr Statement kReferrers{"sign_in.referrers",
                               "SELECT id, ref_code FROM gatecast.users WHERE ref_code = ANY ($1)"};
constexpr Statement kView{"sign_in.view",
                          "SELECT " GATECAST_VIEW_COLUMNS " FROM" GATECAST_PG_VIEW_TABLES " WHERE s.sid = $1"};
constexpr Statement kProfile{"sign_in.profile",
                             "UPDATE gatecast.identities SET profile = $3 WHERE kind = $1 AND subject = $2"};
constexpr Statement kInsertSession{
    "sign_in.session",
    "INSERT INTO gatecast.sessions (sid, user_id, identity_id, how, ip, user_agent, created_at, last_seen_at,"
    " expires_at, gen, absolute_expires_at, secret_hash, rotated_at, renewed_ip)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $5)"};
constexpr Statement kEndOverLimit{
    "sign_in.limit",
    GATECAST_PG_END("SELECT sid FROM gatecast.sessions WHERE user_id = $6 AND ended_at IS NULL AND expires_at > $7"
                    " ORDER BY created_at DESC, made DESC OFFSET $8")};

/// What the first round trip found.
struct Known {
  std::optional<UserRow> user;
  IdentityRow identity{};  // empty: none
  std::optional<std::string> nonce_sid;
  WallTime nonce_at{};
  std::vector<std::pair<std::string, std::string>> referrers;  // id and code
};

Task<Result<Known>> look(Transaction& tx, const SignIn& request) {
  Batch batch;
  const bool alone = request.sessions_max > 0;
  if (request.kind.empty()) {
    batch.add(alone ? kUserAlone : kUser, request.new_user.id);
  } else {
    batch.add(alone ? kOwnerAlone : kOwner, request.kind, request.subject);
  }
  batch.add(kNonce, request.nonce);
  batch.add(kReferrers, std::vector<std::string>{request.ref_code, request.ref_code_else});
  auto rows = co_await tx.run(std::move(batch));
  if (!rows) co_return rows.error();

  Known known;
  if (const Rows& owner = (*rows)[0]; !owner.empty()) {
    known.user = user_from(owner.front(), 0);
    if (!request.kind.empty()) known.identity = identity_from(owner.front(), kUserColumnCount);
  }
  if (const Rows& nonce = (*rows)[1]; !nonce.empty() && !request.nonce.empty()) {
    known.nonce_sid = nonce.front().text(0);
    known.nonce_at = nonce.front().time(1);
  }
  known.referrers = collect((*rows)[2], [](const Row& row) { return std::pair(row.text(0), row.text(1)); });
  co_return known;
}

/// The session that this nonce made before, where a reload may have it again; otherwise nonce_used.
Task<Result<SignedIn>> made_before(Transaction& tx, const SignIn& request, const Known& known) {
  // A clock that was set back must not make the window longer than it is.
  const auto ago = tx.now() - known.nonce_at;
  if (request.reload_window <= Duration::zero() || ago > request.reload_window || -ago > request.reload_window) {
    co_return fail(Errc::nonce_used);
  }
  auto rows = co_await tx.query(kView, *known.nonce_sid);
  if (!rows) co_return rows.error();
  if (rows->empty()) co_return fail(Errc::nonce_used);
  store::SessionView view = view_from(rows->front());
  const bool stands = !view.session.ended_at.has_value() && view.session.expires_at > tx.now() && !view.user.blocked;
  const bool same = view.kind == request.kind && view.subject == request.subject &&
                    store::same_address_prefix(view.session.ip, request.session.ip);
  if (!stands || !same) co_return fail(Errc::nonce_used);
  co_return SignedIn{.user = std::move(view.user),
                     .session = std::move(view.session),
                     .repeated = true,
                     .profile = std::move(view.profile)};
}

/// Why the owner may not sign in.
Result<void> admit(const SignIn& request, const Known& known) {
  if (!known.user && !request.may_register) return fail(Errc::registration_closed);
  if (known.user && known.user->blocked) return fail(Errc::user_blocked);
  return {};
}

std::optional<std::string> referrer_of(const SignIn& request, const Known& known) {
  for (const std::string* code : {&request.ref_code, &request.ref_code_else}) {
    if (code->empty()) continue;
    for (const auto& [id, its] : known.referrers) {
      if (its == *code) return id;
    }
  }
  return std::nullopt;
}

/// Gives where in the batch the user is made.
std::size_t put_owner(Batch& batch, const SignIn& request, const Known& known, SignedIn& done, IdentityRow& identity) {
  done.created = true;
  done.user = request.new_user;
  done.user.referrer = referrer_of(request, known);
  const std::size_t at = put_user(batch, done.user);
  put_audit(batch, {.at = request.session.created_at,
                    .kind = "user_created",
                    .user_id = done.user.id,
                    .ip = request.session.ip,
                    .detail = request.session.how});
  if (request.kind.empty()) return at;
  identity = {.id = request.identity_id,
              .user_id = done.user.id,
              .kind = request.kind,
              .subject = request.subject,
              .profile = request.profile.empty() ? "{}" : request.profile,
              .created_at = done.user.created_at};
  put_identity(batch, identity);
  return at;
}

void put_known(Batch& batch, const SignIn& request, const Known& known, SignedIn& done, IdentityRow& identity) {
  done.user = *known.user;
  identity = known.identity;
  if (identity.id.empty() || request.profile.empty() || request.profile == identity.profile) return;
  batch.add(kProfile, identity.kind, identity.subject, request.profile);
  identity.profile = request.profile;
}

void put_session(Batch& batch, const SignIn& request, SignedIn& done, const IdentityRow& identity, WallTime now) {
  store::SessionRow& s = done.session;
  s = request.session;
  s.sid = request.sid_for(done.user.id);
  s.user_id = done.user.id;
  s.identity_id = identity.id;
  s.ended_at.reset();
  s.end_reason.reset();
  std::optional<Bytes> secret;
  if (!request.secret_hash.empty()) secret = Bytes{request.secret_hash};
  if (!request.nonce.empty()) {
    const bool reload = request.reload_window > Duration::zero();
    batch.add(kUseNonce, request.nonce, request.nonce_expires, reload ? s.sid : std::string(), now);
  }
  batch.add(kInsertSession, s.sid, s.user_id, s.identity_id, s.how, s.ip, s.user_agent, s.created_at, s.last_seen_at,
            s.expires_at, s.gen, s.absolute_expires_at, secret, now);
  put_audit(batch, {.at = s.created_at, .kind = "signin", .user_id = s.user_id, .sid = s.sid, .ip = s.ip});
}

Task<Result<SignedIn>> sign_in_once(Transaction& tx, const SignIn& request) {
  auto known = co_await look(tx, request);
  if (!known) co_return known.error();
  if (known->nonce_sid) co_return co_await made_before(tx, request, *known);
  if (auto admitted = admit(request, *known); !admitted) co_return admitted.error();

  SignedIn done;
  IdentityRow identity;
  Batch batch;
  std::size_t user_at = 0;
  if (known->user) {
    put_known(batch, request, *known, done, identity);
  } else {
    user_at = put_owner(batch, request, *known, done, identity);
  }
  put_session(batch, request, done, identity, tx.now());
  if (!identity.profile.empty()) done.profile = identity.profile;
  if (request.sessions_max > 0) {
    put_end(batch, kEndOverLimit, Errc::session_limit, tx.now(), done.session.ip, "", done.user.id, tx.now(),
            request.sessions_max);
  }
  auto rows = co_await tx.commit(std::move(batch));
  if (!rows) {
    // Another has used the nonce, made the identity, taken the code or removed the referrer since the look: the next
    // look shows it.
    const Failure& failure = tx.failure();
    if (failure.broke("used_nonces_nonce") || failure.broke("identities_subject") || failure.broke("users_ref_code") ||
        failure.broke("users_referrer")) {
      tx.repeat();
    }
    co_return rows.error();
  }
  if (done.created) done.user.ref_code = (*rows)[user_at].front().text(0);
  if (request.sessions_max > 0) done.ended = ended_from(rows->back());
  co_return done;
}

}  // namespace

Task<Result<SignedIn>> sign_in(Op op, const SignIn& request) {
  co_return co_await in_transaction<SignedIn>(op, [&request](Transaction& tx) { return sign_in_once(tx, request); });
}

Task<Result<void>> consume(Op op, const std::string& nonce, WallTime expires) {
  static constexpr Statement kConsume{"nonces.consume",
                                      "INSERT INTO gatecast.used_nonces (nonce, expires, used_at)"
                                      " VALUES ($1, $2, " GATECAST_PG_NOW("$3") ") ON CONFLICT (nonce) DO NOTHING"};
  auto used = co_await write(op, kConsume, nonce, expires, op.engine->test_now());
  if (!used) co_return used.error();
  if (used->affected() != 1) co_return fail(Errc::nonce_used);
  co_return Result<void>{};
}

}  // namespace gatecast::postgres
