#include "adapters/sqlite/columns.hpp"
#include "adapters/sqlite/operations.hpp"
#include "store/address_prefix.hpp"

namespace gatecast::sqlite {
namespace {

using store::IdentityRow;
using store::SignedIn;
using store::SignIn;
using store::UserRow;

/// Whose session it becomes.
struct Owner {
  UserRow user;
  IdentityRow identity{};  // empty: none
  bool created = false;
};

Result<std::optional<Owner>> known_owner(Database& db, const SignIn& request) {
  if (request.kind.empty()) {
    auto user = find_user(db, request.new_user.id);
    if (!user) return user.error();
    return *user ? std::optional<Owner>{Owner{.user = std::move(**user)}} : std::optional<Owner>{};
  }
  return first(db.select("SELECT " GATECAST_USER_COLUMNS ", " GATECAST_IDENTITY_COLUMNS
                         " FROM identities i JOIN users u ON u.id = i.user_id WHERE i.kind = ? AND i.subject = ?",
                         request.kind, request.subject),
               [](const Query& row) {
                 return Owner{.user = user_from(row, 0), .identity = identity_from(row, kUserColumnCount)};
               });
}

Result<Owner> make_owner(Database& db, const SignIn& request) {
  Owner owner{.user = request.new_user, .created = true};
  owner.user.referrer.reset();
  for (const std::string* code : {&request.ref_code, &request.ref_code_else}) {
    if (code->empty() || owner.user.referrer.has_value()) continue;
    // The new user is not in the table yet, so nobody can refer themselves.
    auto referrer = first(db.select("SELECT id FROM users WHERE ref_code = ?", *code), text_from);
    if (!referrer) return referrer.error();
    owner.user.referrer = std::move(*referrer);
  }
  if (auto made = insert_user(db, owner.user); !made) return made.error();
  const store::SessionRow& session = request.session;
  auto noted = audit(db, {{.at = session.created_at,
                           .kind = "user_created",
                           .user_id = owner.user.id,
                           .ip = session.ip,
                           .detail = session.how}});
  if (!noted) return noted.error();
  if (request.kind.empty()) return owner;
  owner.identity = {.id = request.identity_id,
                    .user_id = owner.user.id,
                    .kind = request.kind,
                    .subject = request.subject,
                    .profile = request.profile.empty() ? "{}" : request.profile,
                    .created_at = owner.user.created_at};
  if (auto linked = insert_identity(db, owner.identity); !linked) return linked.error();
  return owner;
}

/// Why the owner may not sign in.
Result<void> admit(const SignIn& request, const std::optional<Owner>& known) {
  if (!known && !request.may_register) return fail(Errc::registration_closed);
  if (known && known->user.blocked) return fail(Errc::user_blocked);
  return {};
}

Result<Owner> owner_of(Database& db, const SignIn& request, std::optional<Owner> known) {
  if (!known) return make_owner(db, request);
  Owner& owner = *known;
  if (auto noted = note_profile(db, owner.identity, request.profile); !noted) return noted.error();
  return std::move(owner);
}

/// The session that this nonce made before, where a reload may have it again; otherwise nonce_used.
Result<SignedIn> made_before(Database& db, const SignIn& request, WallTime now) {
  struct Use {
    std::string sid;
    WallTime at;
  };
  auto use = first(db.select("SELECT sid, used_at FROM used_nonces WHERE nonce = ?", request.nonce),
                   [](const Query& row) { return Use{.sid = row.text(0), .at = row.time(1)}; });
  if (!use) return use.error();
  // A clock that was set back must not make the window longer than it is.
  const auto ago = use->has_value() ? now - (*use)->at : WallTime::duration::max();
  if (request.reload_window <= Duration::zero() || ago > request.reload_window || -ago > request.reload_window) {
    return fail(Errc::nonce_used);
  }
  auto view = session(db, (*use)->sid);
  if (!view && view.error().code == Errc::session_unknown) return fail(Errc::nonce_used);
  if (!view) return view.error();
  const bool stands = !view->session.ended_at.has_value() && view->session.expires_at > now && !view->user.blocked;
  const bool same = view->kind == request.kind && view->subject == request.subject &&
                    store::same_address_prefix(view->session.ip, request.session.ip);
  if (!stands || !same) return fail(Errc::nonce_used);
  return SignedIn{.user = std::move(view->user),
                  .session = std::move(view->session),
                  .repeated = true,
                  .profile = std::move(view->profile)};
}

/// False: it had been used.
Result<bool> use_nonce(Database& db, const std::string& nonce, WallTime expires, WallTime now) {
  auto used =
      db.run("INSERT INTO used_nonces (nonce, expires, used_at) VALUES (?, ?, ?) ON CONFLICT (nonce) DO NOTHING", nonce,
             expires, now);
  if (!used) return used.error();
  return *used == 1;
}

Result<void> insert_session(Database& db, const store::SessionRow& s, const std::string& secret_hash, WallTime now) {
  std::optional<std::string> secret;
  if (!secret_hash.empty()) secret = secret_hash;
  auto inserted = db.run(
      "INSERT INTO sessions (sid, user_id, identity_id, how, ip, user_agent, created_at, last_seen_at, expires_at, gen,"
      " absolute_expires_at, secret_hash, rotated_at, renewed_ip)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS BLOB), ?, ?)",
      s.sid, s.user_id, s.identity_id, s.how, s.ip, s.user_agent, s.created_at, s.last_seen_at, s.expires_at,
      static_cast<std::int64_t>(s.gen), s.absolute_expires_at, secret, now, s.ip);
  if (!inserted) return inserted.error();
  return audit(db, {{.at = s.created_at, .kind = "signin", .user_id = s.user_id, .sid = s.sid, .ip = s.ip}});
}

}  // namespace

Result<void> consume(Database& db, const std::string& nonce, WallTime expires, WallTime now) {
  auto fresh = use_nonce(db, nonce, expires, now);
  if (!fresh) return fresh.error();
  return *fresh ? Result<void>{} : fail(Errc::nonce_used);
}

Result<SignedIn> sign_in(Database& db, const SignIn& request, WallTime now) {
  auto known = known_owner(db, request);
  if (!known) return known.error();
  if (auto admitted = admit(request, *known); !admitted) {
    // Refused before anything is written, so that its group need not run again; a nonce that was used says so first.
    auto used = first(db.select("SELECT sid FROM used_nonces WHERE nonce = ?", request.nonce), text_from);
    if (!used) return used.error();
    return used->has_value() ? made_before(db, request, now) : Result<SignedIn>(admitted.error());
  }
  if (!request.nonce.empty()) {
    auto fresh = use_nonce(db, request.nonce, request.nonce_expires, now);
    if (!fresh) return fresh.error();
    if (!*fresh) return made_before(db, request, now);
  }
  auto owner = owner_of(db, request, std::move(*known));
  if (!owner) return owner.error();

  SignedIn done{.user = std::move(owner->user),
                .session = request.session,
                .created = owner->created,
                .profile = std::move(owner->identity.profile)};
  done.session.sid = request.sid_for(done.user.id);
  done.session.user_id = done.user.id;
  done.session.identity_id = std::move(owner->identity.id);
  done.session.ended_at.reset();
  done.session.end_reason.reset();
  if (auto made = insert_session(db, done.session, request.secret_hash, now); !made) return made.error();
  if (!request.nonce.empty() && request.reload_window > Duration::zero()) {
    auto noted = db.run("UPDATE used_nonces SET sid = ? WHERE nonce = ?", done.session.sid, request.nonce);
    if (!noted) return noted.error();
  }
  if (request.sessions_max == 0) return done;
  auto ended = end_over_limit(db, done.user.id, request.sessions_max, now, done.session.ip);
  if (!ended) return ended.error();
  done.ended = std::move(*ended);
  return done;
}

}  // namespace gatecast::sqlite
