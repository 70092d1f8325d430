#include "adapters/sqlite/schema.hpp"

#include <array>

namespace gatecast::sqlite {
namespace {

// Times are milliseconds since 1970. Reasons and codes are registry names: numbers of the enum move with the registry.
// sessions.identity_id is no foreign key: a session's row outlives an identity that was unlinked.
// A sign-in is paid for by the pages it writes to the log: every B-tree is one or more. So users and identities lie in
// their primary key, nothing is indexed that no query asks for, and only ended sessions are in sessions_by_end.
constexpr const char* kFirst = R"sql(
CREATE TABLE users (
  id            TEXT PRIMARY KEY NOT NULL,
  nickname      TEXT NOT NULL,
  avatar        TEXT NOT NULL,
  is_creator    INTEGER NOT NULL,
  is_verified   INTEGER NOT NULL,
  blocked       INTEGER NOT NULL,
  ref_code      TEXT NOT NULL UNIQUE,
  referrer      TEXT REFERENCES users (id),
  session_epoch INTEGER NOT NULL,
  created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE identities (
  id         TEXT NOT NULL UNIQUE,
  user_id    TEXT NOT NULL REFERENCES users (id),
  kind       TEXT NOT NULL,
  subject    TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  sid          TEXT PRIMARY KEY NOT NULL,
  user_id      TEXT NOT NULL REFERENCES users (id),
  identity_id  TEXT NOT NULL,
  how          TEXT NOT NULL,
  ip           TEXT NOT NULL,
  user_agent   TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  gen          INTEGER NOT NULL,
  ended_at     INTEGER,
  end_reason   TEXT,
  CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE control_log (
  seq     INTEGER PRIMARY KEY AUTOINCREMENT,
  kind    TEXT NOT NULL,
  subject TEXT NOT NULL,
  user_id TEXT NOT NULL,
  reason  TEXT NOT NULL,
  at      INTEGER NOT NULL
) STRICT;
CREATE INDEX control_log_by_subject ON control_log (subject);

CREATE TABLE used_nonces (
  nonce   TEXT PRIMARY KEY NOT NULL,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX used_nonces_by_expiry ON used_nonces (expires);

CREATE TABLE audit (
  id      INTEGER PRIMARY KEY,
  at      INTEGER NOT NULL,
  kind    TEXT NOT NULL,
  user_id TEXT NOT NULL,
  sid     TEXT NOT NULL,
  ip      TEXT NOT NULL,
  code    TEXT NOT NULL,
  detail  TEXT NOT NULL,
  count   INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_by_time ON audit (at);
)sql";

// Renewal. Sessions from before have no secret, so they live to their end and cannot be renewed. Ending and counting a
// user's sessions read the standing ones only, so the index holds only these.
constexpr const char* kRenewal = R"sql(
ALTER TABLE sessions ADD COLUMN secret_hash BLOB;
ALTER TABLE sessions ADD COLUMN kept_gen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN rotated_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN absolute_expires_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN renewed_ip TEXT NOT NULL DEFAULT '';
UPDATE sessions SET rotated_at = created_at, absolute_expires_at = expires_at, renewed_ip = ip;
DROP INDEX sessions_by_user;
CREATE INDEX sessions_standing ON sessions (user_id, created_at) WHERE ended_at IS NULL;
)sql";

// Accounts. A user's identities are found by the index that also keeps their ids apart; whoever asks for one by its id
// knows its user. A user's sessions are all in one index: the standing ones come first, the oldest first, and a
// deletion finds the others. What ended is read from the control log, which outlives the sessions.
constexpr const char* kAccounts = R"sql(
ALTER TABLE users ADD COLUMN claims TEXT NOT NULL DEFAULT '{}';
CREATE INDEX users_by_referrer ON users (referrer) WHERE referrer IS NOT NULL;

CREATE TABLE new_identities (
  id         TEXT NOT NULL,
  user_id    TEXT NOT NULL REFERENCES users (id),
  kind       TEXT NOT NULL,
  subject    TEXT NOT NULL,
  profile    TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (kind, subject),
  UNIQUE (user_id, id)
) STRICT, WITHOUT ROWID;
INSERT INTO new_identities SELECT id, user_id, kind, subject, '{}', created_at FROM identities;
DROP TABLE identities;
ALTER TABLE new_identities RENAME TO identities;

DROP INDEX sessions_standing;
CREATE INDEX sessions_by_user ON sessions (user_id, ended_at, created_at);
DROP INDEX sessions_by_end;
CREATE INDEX control_log_by_time ON control_log (at);

ALTER TABLE used_nonces ADD COLUMN sid TEXT NOT NULL DEFAULT '';
ALTER TABLE used_nonces ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;

CREATE TABLE positions (
  name TEXT PRIMARY KEY NOT NULL,
  seq  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE restores (
  at INTEGER NOT NULL
) STRICT;
)sql";

// Grants and notifications. A holder's version counts changes of what the user holds, standing those of its grants that
// are not over; a trusted issuer's user may hold some and has no row of users. A grant's state is 0 before from_at, 1
// while it holds, 2 when it is over; what has still to begin or end is in grants_by_change alone. until_at is null for
// ever. A grant that is over is kept for a while, so that a repeated call finds it.
// A notification's seq counts those of its user, so neither its id nor a cursor tells how many others get. Counts of an
// inbox are kept by triggers: exact whatever removes rows. A trusted issuer's user has an inbox and no row of users, so
// user_id refers to none. Keys outlive their notifications: what a user removed is not made again by a repeated call.
constexpr const char* kGrants = R"sql(
CREATE TABLE grant_holders (
  user_id  TEXT PRIMARY KEY NOT NULL,
  version  INTEGER NOT NULL,
  standing INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE grants (
  id         TEXT NOT NULL UNIQUE,
  user_id    TEXT NOT NULL REFERENCES grant_holders (user_id),
  resource   TEXT NOT NULL,
  key        TEXT NOT NULL,
  state      INTEGER NOT NULL,
  from_at    INTEGER NOT NULL,
  until_at   INTEGER,
  meta       TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  change_at  INTEGER,
  PRIMARY KEY (user_id, resource, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_by_change ON grants (change_at) WHERE change_at IS NOT NULL;
CREATE INDEX grants_over ON grants (until_at) WHERE state = 2;

CREATE TABLE inboxes (
  user_id  TEXT PRIMARY KEY NOT NULL,
  last_seq INTEGER NOT NULL,
  held     INTEGER NOT NULL,
  unread   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE notifications (
  user_id    TEXT NOT NULL REFERENCES inboxes (user_id),
  seq        INTEGER NOT NULL,
  id         TEXT NOT NULL,
  key        TEXT NOT NULL,
  kind       TEXT NOT NULL,
  data       TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  read_at    INTEGER,
  UNIQUE (user_id, seq)
) STRICT;
CREATE INDEX notifications_unread ON notifications (user_id, seq) WHERE read_at IS NULL;
CREATE INDEX notifications_by_time ON notifications (created_at);
CREATE TABLE notification_keys (
  user_id TEXT NOT NULL,
  key     TEXT NOT NULL,
  at      INTEGER NOT NULL,
  PRIMARY KEY (user_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX notification_keys_by_time ON notification_keys (at);
CREATE TRIGGER notification_made AFTER INSERT ON notifications BEGIN
  UPDATE inboxes SET held = held + 1, unread = unread + (NEW.read_at IS NULL) WHERE user_id = NEW.user_id;
END;
CREATE TRIGGER notification_read AFTER UPDATE OF read_at ON notifications BEGIN
  UPDATE inboxes SET unread = unread - (OLD.read_at IS NULL) + (NEW.read_at IS NULL) WHERE user_id = NEW.user_id;
END;
CREATE TRIGGER notification_gone AFTER DELETE ON notifications BEGIN
  UPDATE inboxes SET held = held - 1, unread = unread - (OLD.read_at IS NULL) WHERE user_id = OLD.user_id;
END;
)sql";

// Leases name the one of several holders that does something; an inbox counts its changes, so that of two messages
// about it the older one is known.
constexpr const char* kNodes = R"sql(
CREATE TABLE leases (
  name   TEXT PRIMARY KEY NOT NULL,
  holder TEXT NOT NULL,
  until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE inboxes ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
)sql";

constexpr std::array<const char*, 5> kMigrations{kFirst, kRenewal, kAccounts, kGrants, kNodes};

Result<std::int64_t> number_of(Database& db, std::string_view sql) {
  Query query = db.select(sql);
  Result<bool> row = query.next();
  if (!row) return row.error();
  return *row ? query.number(0) : 0;
}

/// Makes a new file ours, or refuses one that belongs to another program.
Result<void> claim(Database& db, const std::string& path) {
  auto id = number_of(db, "PRAGMA application_id");
  if (!id) return id.error();
  if (*id == kApplicationId) return {};
  auto tables = number_of(db, "SELECT count(*) FROM sqlite_schema");
  if (!tables) return tables.error();
  if (*id != 0 || *tables != 0) {
    return fail(Errc::store_failed, fmt::format("{} is a database of another program", path));
  }
  return db.exec(fmt::format("PRAGMA application_id={};"
                             "CREATE TABLE schema_version (id INTEGER PRIMARY KEY CHECK (id = 1),"
                             " version INTEGER NOT NULL) STRICT;"
                             "INSERT INTO schema_version VALUES (1, 0)",
                             kApplicationId)
                     .c_str());
}

Result<void> bring_up(Database& db, const std::string& path, std::span<const char* const> steps) {
  if (auto claimed = claim(db, path); !claimed) return claimed;
  auto version = number_of(db, "SELECT version FROM schema_version");
  if (!version) return version.error();
  const auto known = static_cast<std::int64_t>(steps.size());
  if (*version < 0 || *version > known) {
    return fail(Errc::store_failed,
                fmt::format("{} has schema version {}, this program knows versions up to {}: use a newer gatecast",
                            path, *version, known));
  }
  for (std::int64_t n = *version; n < known; ++n) {
    if (auto made = db.exec(steps[static_cast<std::size_t>(n)]); !made) return made;
    if (auto noted = db.run("UPDATE schema_version SET version = ?", n + 1); !noted) return noted.error();
  }
  return {};
}

}  // namespace

std::span<const char* const> migrations() { return kMigrations; }

Result<void> migrate(Database& db, const std::string& path, std::span<const char* const> steps) {
  // All that is missing in one transaction: a start that fails in the middle leaves the file as it was.
  if (auto begun = db.exec("BEGIN IMMEDIATE"); !begun) return begun;
  Result<void> done = bring_up(db, path, steps);
  if (done) done = db.exec("COMMIT");
  if (!done && db.in_transaction()) {
    if (auto undone = db.exec("ROLLBACK"); !undone) return undone;
  }
  return done;
}

}  // namespace gatecast::sqlite
