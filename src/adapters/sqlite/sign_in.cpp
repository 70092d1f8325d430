#include "adapters/sqlite/columns.hpp"
#include "adapters/sqlite/operations.hpp"

namespace gatecast::sqlite {
namespace {

using store::SignedIn;
using store::SignIn;
using store::UserRow;

struct Owner {
  UserRow user;
  std::string identity_id;
};

Result<std::optional<Owner>> owner_of(Database& db, const SignIn& request) {
  Query query = db.select("SELECT " GATECAST_USER_COLUMNS
                          ", i.id FROM identities i JOIN users u ON u.id = i.user_id"
                          " WHERE i.kind = ? AND i.subject = ?",
                          request.kind, request.subject);
  Result<bool> row = query.next();
  if (!row) return row.error();
  if (!*row) return std::optional<Owner>{};
  return std::optional<Owner>{Owner{.user = user_from(query, 0), .identity_id = query.text(kUserColumnCount)}};
}

Result<std::optional<std::string>> first_text(Query query) {
  Result<bool> row = query.next();
  if (!row) return row.error();
  return *row ? std::optional<std::string>{query.text(0)} : std::optional<std::string>{};
}

/// Inserts the user under the code proposed. Where that code is taken, SQLite's own random source gives another of
/// eight hexadecimal digits: a code is public and guards nothing, it only has to be unique.
Result<void> insert_user(Database& db, UserRow& user) {
  constexpr int kAttempts = 8;  // with a million users, eight in a row taken is one in 10^29
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto inserted = db.run(
        "INSERT INTO users (id, nickname, avatar, is_creator, is_verified, blocked, ref_code, referrer, session_epoch,"
        " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (ref_code) DO NOTHING",
        user.id, user.nickname, user.avatar, user.is_creator, user.is_verified, user.blocked, user.ref_code,
        user.referrer, static_cast<std::int64_t>(user.session_epoch), user.created_at);
    if (!inserted) return inserted.error();
    if (*inserted == 1) return {};
    auto other = first_text(db.select("SELECT lower(hex(randomblob(4)))"));
    if (!other) return other.error();
    user.ref_code = other->value_or("");
  }
  return fail(Errc::store_failed, "no free ref_code found");
}

Result<Owner> make_owner(Database& db, const SignIn& request) {
  Owner owner{.user = request.new_user, .identity_id = request.identity_id};
  owner.user.referrer.reset();
  if (!request.ref_code.empty()) {
    // The new user is not in the table yet, so nobody can refer themselves.
    auto referrer = first_text(db.select("SELECT id FROM users WHERE ref_code = ?", request.ref_code));
    if (!referrer) return referrer.error();
    owner.user.referrer = *referrer;
  }
  if (auto made = insert_user(db, owner.user); !made) return made.error();
  auto linked = db.run("INSERT INTO identities (id, user_id, kind, subject, created_at) VALUES (?, ?, ?, ?, ?)",
                       owner.identity_id, owner.user.id, request.kind, request.subject, owner.user.created_at);
  if (!linked) return linked.error();
  return owner;
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

Result<SignedIn> sign_in(Database& db, const SignIn& request, WallTime now) {
  auto consumed = db.run("INSERT INTO used_nonces (nonce, expires) VALUES (?, ?) ON CONFLICT (nonce) DO NOTHING",
                         request.nonce, request.nonce_expires);
  if (!consumed) return consumed.error();
  if (*consumed == 0) return fail(Errc::nonce_used);

  auto known = owner_of(db, request);
  if (!known) return known.error();
  const bool created = !known->has_value();
  Result<Owner> owner = created ? make_owner(db, request) : Result<Owner>(std::move(**known));
  if (!owner) return owner.error();
  if (owner->user.blocked) return fail(Errc::user_blocked);

  SignedIn done{.user = std::move(owner->user), .session = request.session, .created = created, .ended = {}};
  done.session.sid = request.sid_for(done.user.id);
  done.session.user_id = done.user.id;
  done.session.identity_id = std::move(owner->identity_id);
  done.session.ended_at.reset();
  done.session.end_reason.reset();
  if (auto made = insert_session(db, done.session, request.secret_hash, now); !made) return made.error();
  if (request.sessions_max == 0) return done;
  auto ended = end_over_limit(db, done.user.id, request.sessions_max, now, done.session.ip);
  if (!ended) return ended.error();
  done.ended = std::move(*ended);
  return done;
}

}  // namespace gatecast::sqlite
