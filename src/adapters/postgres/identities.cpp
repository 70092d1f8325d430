// Identities: what a user is recognised by. Whoever adds or removes one holds the user's row, so that they are counted
// one at a time; that nobody else has it is the unique constraint's.
#include "adapters/postgres/operations.hpp"
#include "adapters/postgres/sql_affairs.hpp"
#include "adapters/postgres/sql_end.hpp"

namespace gatecast::postgres {

using store::IdentityRow;
using store::Link;
using store::Linked;
using store::Unlinked;

namespace {

constexpr Statement kOfUser{"identities.of_user",
                            "SELECT " GATECAST_IDENTITY_COLUMNS " FROM gatecast.identities i WHERE i.user_id = $1"};
constexpr Statement kRemove{"identities.remove", "DELETE FROM gatecast.identities WHERE kind = $1 AND subject = $2"};

/// Why a link's last step failed.
Error refusal_of_link(Transaction& transaction, Error error) {
  if (transaction.failure().broke("used_nonces_nonce")) return fail(Errc::nonce_used);
  // Somebody has added it just now: who has it is read again.
  if (transaction.failure().broke("identities_subject")) transaction.repeat();
  return error;
}

Task<Result<Linked>> link_in(Transaction& transaction, const Link& request) {
  const IdentityRow& wanted = request.identity;
  Batch look;
  look.add(kHoldUser, wanted.user_id).add(kFindIdentity, wanted.kind, wanted.subject);
  look.add(kCountIdentities, wanted.user_id);
  auto seen = co_await transaction.run(std::move(look));
  if (!seen) co_return seen.error();
  if ((*seen)[0].empty()) co_return fail(Errc::user_unknown);
  if (user_from((*seen)[0].front(), 0).blocked) co_return fail(Errc::user_blocked);
  const auto known = first((*seen)[1], [](const Row& row) { return identity_from(row, 0); });
  if (known && known->user_id != wanted.user_id) co_return fail(Errc::identity_taken);
  if (!known && (*seen)[2].front().count(0) >= store::kIdentitiesMax) co_return fail(Errc::identity_limit);

  Linked linked{.identity = known.value_or(wanted), .now = !known};
  Batch last;
  if (!request.nonce.empty()) {
    last.add(kUseNonce, request.nonce, request.nonce_expires, std::string_view{}, transaction.now());
  }
  if (linked.now) {
    if (linked.identity.profile.empty()) linked.identity.profile = "{}";
    put_identity(last, linked.identity);
    put_audit(last, {.at = wanted.created_at,
                     .kind = "linked",
                     .user_id = wanted.user_id,
                     .sid = request.sid,
                     .ip = request.ip,
                     .detail = audit_name(wanted)});
  } else if (!wanted.profile.empty() && wanted.profile != known->profile) {
    last.add(kNoteProfile, wanted.kind, wanted.subject, wanted.profile);
    linked.identity.profile = wanted.profile;
  }
  auto done = co_await transaction.commit(std::move(last));
  if (!done) co_return refusal_of_link(transaction, done.error());
  co_return linked;
}

struct UnlinkRequest {
  const std::string& user_id;
  const std::string& identity_id;
  WallTime at;
  const std::string& ip;
};

Task<Result<Unlinked>> unlink_in(Transaction& transaction, const UnlinkRequest& request) {
  Batch look;
  look.add(kHoldUser, request.user_id).add(kOfUser, request.user_id);
  auto seen = co_await transaction.run(std::move(look));
  if (!seen) co_return seen.error();
  Unlinked done{};
  for (auto& identity : collect((*seen)[1], [](const Row& row) { return identity_from(row, 0); })) {
    if (identity.id == request.identity_id) done.identity = std::move(identity);
  }
  if (done.identity.id.empty()) co_return fail(Errc::not_found);
  if ((*seen)[1].size() < 2) co_return fail(Errc::identity_last);
  Batch last;
  last.add(kRemove, done.identity.kind, done.identity.subject);
  put_audit(last, {.at = request.at,
                   .kind = "unlinked",
                   .user_id = request.user_id,
                   .ip = request.ip,
                   .detail = audit_name(done.identity)});
  put_end(last, kEndOfIdentity, Errc::identity_unlinked, request.at, request.ip, {}, request.user_id,
          request.identity_id);
  auto written = co_await transaction.commit(std::move(last));
  if (!written) co_return written.error();
  done.ended = ended_from(written->back());
  co_return done;
}

}  // namespace

Task<Result<Linked>> link(Op op, const Link& request) {
  co_return co_await in_transaction<Linked>(
      op, [&request](Transaction& transaction) { return link_in(transaction, request); });
}

Task<Result<Unlinked>> unlink(Op op, const std::string& user_id, const std::string& identity_id, WallTime at,
                              const std::string& ip) {
  const UnlinkRequest request{user_id, identity_id, at, ip};
  co_return co_await in_transaction<Unlinked>(
      op, [&request](Transaction& transaction) { return unlink_in(transaction, request); });
}

}  // namespace gatecast::postgres
