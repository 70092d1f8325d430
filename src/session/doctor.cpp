// The session's part of the token doctor: what only the running server knows of a token.
#include "core/time_text.hpp"
#include "session/sessions.hpp"
#include "token/inspect.hpp"
#include "token/json_object.hpp"

namespace gatecast::session {
namespace {

using token::Finding;
using Verdict = Finding::Verdict;

/// The token without what people copy around it; the token's own part has named that.
std::string_view bare(std::string_view text) {
  constexpr std::string_view around = " \t\r\n\"'";
  for (bool again = true; again;) {
    const auto first = text.find_first_not_of(around);
    if (first == std::string_view::npos) return {};
    text = text.substr(first, text.find_last_not_of(around) - first + 1);
    again = text.starts_with("Bearer ") || text.starts_with("bearer ");
    if (again) text.remove_prefix(7);
  }
  return text;
}

struct Named {
  std::string iss, sub, sid;
  std::int64_t gen = 0;
};

/// Whom the token says it is of; nothing where it cannot be read.
std::optional<Named> named_in(std::string_view text) {
  const auto seen = token::inspect(bare(text));
  if (!seen.has_value()) return std::nullopt;
  const auto claims = token::JsonObject::parse(seen->claims_json);
  if (!claims.has_value()) return std::nullopt;
  const auto text_of = [&claims](std::string_view name) {
    const token::JsonMember* member = claims->find(name);
    return member == nullptr ? std::string{} : token::json_string(*member).value_or("");
  };
  const token::JsonMember* gen = claims->find("gen");
  return Named{.iss = text_of("iss"),
               .sub = text_of("sub"),
               .sid = text_of("sid"),
               .gen = gen == nullptr ? 0 : token::json_integer(*gen).value_or(0)};
}

Finding wrong(Errc code, std::string text) {
  return {std::string(info(code).name), Verdict::wrong, std::move(text), std::string(info(code).cure)};
}

/// What the row says of a token of that generation.
std::vector<Finding> judge(const store::SessionView& view, const Named& named, WallTime now) {
  std::vector<Finding> out;
  const store::SessionRow& row = view.session;
  if (row.user_id != named.sub) return {wrong(Errc::session_unknown, "The session is another user's.")};
  if (row.ended_at.has_value()) {
    const Errc reason = row.end_reason.value_or(Errc::signed_out);
    out.push_back(wrong(
        reason, fmt::format("The session was ended at {}: {}.", format_rfc3339(*row.ended_at), info(reason).message)));
  } else if (row.expires_at <= now) {
    out.push_back(wrong(Errc::session_expired,
                        fmt::format("The session reached its end at {}.", format_rfc3339(row.expires_at))));
  } else {
    out.push_back({"session_stands", Verdict::ok,
                   fmt::format("The session stands until {}; it was made at {} ({}).", format_rfc3339(row.expires_at),
                               format_rfc3339(row.created_at), row.how)});
  }
  if (view.user.blocked) out.push_back(wrong(Errc::user_blocked, "The user is blocked."));
  if (named.gen > 0 && static_cast<std::uint64_t>(named.gen) < row.gen) {
    out.push_back(
        {"session_renewed", Verdict::ok,
         fmt::format("It is of generation {}; the session was renewed since and is at {}.", named.gen, row.gen)});
  }
  return out;
}

}  // namespace

Task<std::vector<token::Finding>> Sessions::examine(std::string text, token::DoctorInput input) {
  const WallTime now = input.now = clock_.wall();
  std::vector<Finding> out = token::examine(text, input);
  out.push_back({"clock", Verdict::ok, fmt::format("The server's clock says {}.", format_rfc3339(now))});
  const std::optional<Named> named = named_in(text);
  if (!named.has_value() || named->iss != verifier_.policy().issuer) {
    out.push_back({"session_not_asked", Verdict::warn,
                   "It does not name a session of this server, so none was looked up.",
                   "Where it should be one of this server's, mend what is said above first."});
    co_return out;
  }
  if (!sids().verify(named->sid, named->sub)) {
    out.push_back(wrong(Errc::session_unknown,
                        "Its sid was not made here for its sub: another server's, or a token that its holder of the "
                        "key wrote without a session; a session key that was replaced does this too."));
    co_return out;
  }
  const Result<store::SessionView> view = co_await store_.session(named->sid);
  if (!view.has_value()) {
    if (view.error().code == Errc::session_unknown) {
      out.push_back(wrong(Errc::session_unknown,
                          "The session is not in the store: it ended long ago, its user was deleted, or the store is "
                          "another one."));
    } else {
      out.push_back({"session_store", Verdict::warn, "The store does not answer, so the session is not known.",
                     std::string(info(Errc::temporarily_unavailable).cure)});
    }
    co_return out;
  }
  for (Finding& finding : judge(*view, *named, now)) out.push_back(std::move(finding));
  co_return out;
}

}  // namespace gatecast::session
