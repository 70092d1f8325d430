// Rows of the store: what is durable about users, identities, sessions and their endings.
//
// Times are wall-clock milliseconds of the store's node. Strings are UTF-8; bounds are checked before a row is made.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "schema/codes.hpp"

namespace gatecast::store {

/// Bounds of what users bring along; who makes a row keeps them.
inline constexpr std::size_t kUserIdBytesMax = 64;
inline constexpr std::size_t kClaimsBytesMax = 4096;
inline constexpr std::size_t kIdentitiesMax = 16;  // of one user

struct UserRow {
  std::string id;  // 20 characters [a-z0-9], random, or the application's own: 1 to 64 of [A-Za-z0-9_.@-]
  std::string nickname{};
  std::string avatar{};
  bool is_creator = false;
  bool is_verified = false;
  bool blocked = false;
  std::string ref_code{};                 // unique, 8 characters, generated; a store replaces one that is taken
  std::optional<std::string> referrer{};  // user id; written once, when the user is created
  std::uint64_t session_epoch = 0;        // raised by block and logout-all; an ending always wins
  std::string claims = "{}";              // free members of the application, one JSON object's text
  WallTime created_at{};
};

struct IdentityRow {
  std::string id;
  std::string user_id;
  std::string kind;            // "solana", "ethereum", "telegram"
  std::string subject;         // the address or Telegram id in its one stored form
  std::string profile = "{}";  // what the proof last said beside it, one JSON object's text: username, first_name, …
  WallTime created_at{};
};

struct SessionRow {
  std::string sid;
  std::string user_id;
  std::string identity_id{};  // empty: made by a back end, not by a proof
  std::string how{};          // "solana", "ethereum", "telegram", "telegram_widget", "direct", "api"
  std::string ip{};
  std::string user_agent{};  // cut to 256 bytes
  WallTime created_at{};
  WallTime last_seen_at{};
  WallTime expires_at{};
  std::uint64_t gen = 1;
  WallTime absolute_expires_at{};  // no renewal moves expires_at beyond it
  std::optional<WallTime> ended_at{};
  std::optional<Errc> end_reason{};
};

/// What a renewal is decided by: the part of a session's row that renewals read and write.
struct RotationRow {
  std::uint64_t gen = 1;
  std::uint64_t kept_gen = 0;  // the newest generation its client is known to hold
  WallTime rotated_at{};       // the store's clock
  WallTime expires_at{};
  WallTime absolute_expires_at{};
  std::optional<Errc> end_reason{};  // where ended
  bool blocked = false;              // its user
};

/// What becomes of a renewal.
struct RotationDecision {
  enum class Kind : std::uint8_t { refuse, repeat, rotate, end };
  Kind kind = Kind::refuse;
  Errc reason = Errc::internal;  // refuse, end
  std::uint64_t gen = 0;         // repeat, rotate: the generation answered with
  std::uint64_t kept_gen = 0;    // repeat, rotate: to be noted in the row
  WallTime expires_at{};         // rotate: the session's new end
  std::string_view audit{};      // kind of the audit row, where there is one
  bool operator==(const RotationDecision&) const = default;
};

/// One ending, in commit order. Control rows only say what to read again; they carry no authority.
struct ControlRow {
  std::uint64_t seq = 0;
  std::string kind{};     // "session_ended", "foreign_ended"
  std::string subject{};  // sid
  std::string user_id{};
  Errc reason = Errc::signed_out;
  WallTime at{};
};

/// What happened, in commit order: the audit log, and with its event kinds what the application is told.
struct AuditRow {
  WallTime at{};
  std::string kind{};  // "signin", "signout", "operator", "ended" (by a limit or a rule), "refusal",
                       // "renewal_repeated", "renewal_reissued", "store_rewound", "user_created", "user_changed",
                       // "user_blocked", "user_unblocked", "user_deleted", "linked", "unlinked",
                       // "store_restored", "signin_unproven" (a name without proof, in development),
                       // "grant_added", "grant_changed", "grant_removed", "grant_expired"
  std::string user_id{};
  std::string sid{};
  std::string ip{};
  std::string code{};  // registry name, where there is one
  /// Never a secret. user_created: how ("solana", …, "api"); user_changed: names of the members; linked, unlinked: kind
  /// and subject; user_blocked, user_unblocked, user_deleted: by whom; grant_…: the event's data, and on a line of its
  /// own by whom.
  std::string detail{};
  std::uint64_t count = 1;
  std::uint64_t seq = 0;  // given by the store: rises, and is never given twice
};

/// The kinds that the application hears of, with the names it hears.
struct EventName {
  std::string_view audit_kind;
  std::string_view event;
};
inline constexpr EventName kEventNames[] = {
    {"user_created", "user.created"},     {"user_changed", "user.changed"},   {"user_blocked", "user.blocked"},
    {"user_unblocked", "user.unblocked"}, {"user_deleted", "user.deleted"},   {"linked", "identity.linked"},
    {"unlinked", "identity.unlinked"},    {"signin", "session.started"},      {"signout", "session.ended"},
    {"operator", "session.ended"},        {"ended", "session.ended"},         {"grant_added", "grant.changed"},
    {"grant_changed", "grant.changed"},   {"grant_removed", "grant.changed"}, {"grant_expired", "grant.changed"},
};

}  // namespace gatecast::store
