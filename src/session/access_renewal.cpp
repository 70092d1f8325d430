// Access tokens for access tokens, tickets, and the end of a session by a token of it.
#include "metrics/registry.hpp"
#include "session/sessions.hpp"

namespace gatecast::session {
namespace {

/// What a token or a ticket can be wrong by without an error of ours: for the one who holds it, it is over already.
bool is_over(Errc code) {
  return code != Errc::temporarily_unavailable && code != Errc::store_failed && code != Errc::overloaded &&
         code != Errc::cancelled;
}

}  // namespace

Task<Result<Tokens>> Sessions::reissue(std::string access_token, ClientInfo client) {
  Result<Caller> caller = co_await authenticate_at_store(std::move(access_token));
  if (caller.has_value() && caller->foreign) caller = fail(Errc::session_foreign, caller->issuer);
  if (!caller.has_value()) {
    metrics::count<"renewals_total">(metrics::Renewal::refused, metrics::Variant{});
    refusals_.note(caller.error().code, client.ip, "renewal", clock_.wall());
    co_return caller.error();
  }
  const WallTime now = clock_.wall();
  Result<store::SessionView> view = co_await store_.session(caller->sid);
  if (!view.has_value()) co_return view.error();
  store::SessionRow& row = view->session;
  Result<void> good = stands(*view, caller->user_id);
  const metrics::Variant variant = variant_of(row.user_id);
  if (!good.has_value()) {
    metrics::count<"renewals_total">(metrics::Renewal::refused, variant);
    refusals_.note(good.error().code, client.ip, "renewal", now);
    co_return good.error();
  }
  Result<void> written = co_await store_.audit(
      {{.at = now, .kind = "renewal_reissued", .user_id = row.user_id, .sid = row.sid, .ip = std::move(client.ip)}});
  if (!written.has_value()) co_return written.error();
  metrics::count<"renewals_total">(metrics::Renewal::reissued, variant);
  // The generation stays the caller's: a token of a newer one would say that its refresh token had arrived.
  row.gen = caller->claims.gen;
  co_return mint_reissued(std::move(*view), now);
}

Result<Tokens> Sessions::mint_reissued(store::SessionView view, WallTime now) const {
  return mint({.user = std::move(view.user),
               .session = std::move(view.session),
               .kind = std::move(view.kind),
               .subject = std::move(view.subject),
               .profile = std::move(view.profile),
               .secret = {}},
              now);
}

Task<Result<void>> Sessions::revoke(std::string token, std::string ip) {
  std::string sid;
  if (Result<RefreshToken> shown = refresh().open(token); shown.has_value()) {
    sid = std::move(shown->sid);
  } else {
    Result<Caller> caller = co_await authenticate_at_store(std::move(token));
    if (!caller.has_value()) co_return is_over(caller.error().code) ? Result<void>{} : caller.error();
    if (caller->foreign) co_return fail(Errc::session_foreign, caller->issuer);
    sid = std::move(caller->sid);
  }
  Result<store::Ended> ended = co_await end(std::move(sid), Errc::signed_out, std::move(ip));
  if (!ended.has_value() && !is_over(ended.error().code)) co_return ended.error();
  co_return Result<void>{};
}

std::string Sessions::ticket(const Caller& caller) const {
  return tickets().write({.user_id = caller.user_id,
                          .sid = caller.sid,
                          .iat = caller.claims.iat,
                          .exp = caller.claims.exp,
                          .gen = caller.claims.gen},
                         clock_.wall());
}

Task<Result<Caller>> Sessions::redeem(std::string ticket) {
  // Another node may have written it, by a clock that is behind this one's.
  const std::chrono::seconds apart = nodes_ == nullptr ? std::chrono::seconds{0} : kClockSkewMax;
  Result<OpenedTicket> opened = tickets().open(ticket, clock_.wall() - apart);
  if (!opened.has_value()) co_return refused_ticket(opened.error());
  if (!remembered(opened->ends - kTicketLife)) co_return refused_ticket(fail(Errc::ticket_expired, "restored since"));
  const TicketHolder& holder = opened->holder;
  if (!sids().verify(holder.sid, holder.user_id)) co_return refused_ticket(fail(Errc::session_unknown, "sid"));
  if (from_unix_seconds(holder.exp) <= clock_.wall()) co_return refused_ticket(fail(Errc::token_expired));

  Result<void> used = co_await store_.consume(opened->nonce, opened->ends + apart);
  if (!used.has_value()) {
    co_return refused_ticket(used.error().code == Errc::nonce_used ? fail(Errc::ticket_used) : used.error());
  }
  Caller caller{.user_id = holder.user_id, .sid = holder.sid, .claims = {}};
  caller.claims.iss = verifier_.policy().issuer;
  caller.claims.aud = {verifier_.policy().audience};
  caller.claims.exp = holder.exp;
  caller.claims.iat = holder.iat;
  caller.claims.sub = holder.user_id;
  caller.claims.sid = holder.sid;
  caller.claims.gen = holder.gen;
  const Standing known = standing(caller);
  if (known.kind == Standing::Kind::ended) co_return refused_ticket(fail(known.reason));
  // A ticket has no room for what the access token says of a connection; the user's row has it.
  caller.judged = clock_.steady();
  Result<store::SessionView> view = co_await ask_store(caller.sid, caller.user_id);
  if (!view.has_value()) co_return refused_ticket(view.error());
  caller.claims.extra_json = options_.claims.extra_json({view->user, view->kind, view->subject, view->profile});
  metrics::count<"tickets_total">(metrics::Outcome::ok);
  co_return caller;
}

Error Sessions::refused_ticket(Error error) {
  metrics::count<"tickets_total">(metrics::Outcome::refused);
  stats_.refused(error.code);
  return error;
}

}  // namespace gatecast::session
