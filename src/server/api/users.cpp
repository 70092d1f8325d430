// Server API: the application's users.
#include "access/grants.hpp"
#include "core/log.hpp"
#include "core/time_text.hpp"
#include "server/api/events.hpp"
#include "server/api/methods.hpp"
#include "server/foreign_user.hpp"
#include "server/granted.hpp"
#include "server/json/grant_json.hpp"
#include "server/json/session_json.hpp"
#include "server/json/user_json.hpp"
#include "server/nodes/node_calls.hpp"
#include "session/accounts.hpp"
#include "session/kinds.hpp"

namespace gatecast::server {
namespace {

constexpr std::size_t kUsersMax = 1000;
constexpr std::int64_t kListMax = 500;
// What an export shows of a user's past, at most.
constexpr std::size_t kExportRowsMax = 10'000;

session::Accounts& accounts(const ApiCall& call) { return call.services().accounts; }

struct Tally {
  std::size_t created = 0, changed = 0, unchanged = 0, refused = 0;
  void count(const store::UserChanged& one) {
    ++(!one.ok ? refused : one.created ? created : one.changed ? changed : unchanged);
  }
};

/// Blocks or unblocks where the user was given as such and is not yet.
Task<Result<void>> apply_block(ApiCall& call, session::Upserted& one, std::optional<bool> blocked, bool dry_run) {
  auto& changed = one.changed;
  if (!changed.ok || !blocked || changed.user.blocked == *blocked) co_return Result<void>{};
  changed.changed = true;
  if (dry_run) co_return Result<void>{};
  auto done = co_await accounts(call).block(changed.user.id, *blocked, call.ip, call.actor);
  if (!done) co_return done.error();
  co_return Result<void>{};
}

std::string refused_json(std::string_view id, const session::Upserted& one) {
  const auto& code = info(one.changed.refused);
  JsonOut error;
  error.text("name", code.name).text("message", code.message).text_if("detail", one.detail);
  return JsonOut().text("id", id).boolean("ok", false).object("error", error).done();
}

struct Batch {
  std::vector<std::string> ids;  // as given; empty where the object had none
  std::vector<session::Upserted> results;
};

Task<Result<Batch>> upsert(ApiCall& call, std::vector<std::string_view> users, bool dry_run) {
  Batch out;
  std::vector<store::UserChange> changes;
  std::vector<std::optional<bool>> blocked;
  std::vector<std::size_t> places;
  out.ids.resize(users.size());
  out.results.resize(users.size());
  for (std::size_t i = 0; i < users.size(); ++i) {
    auto user = user_in(users[i]);
    if (!user) {
      out.results[i] = {.changed = {.refused = user.error().code}, .detail = std::move(user.error().detail)};
      continue;
    }
    out.ids[i] = user->change.id;
    changes.push_back(std::move(user->change));
    blocked.push_back(user->blocked);
    places.push_back(i);
  }
  auto done = co_await accounts(call).upsert(std::move(changes), dry_run);
  if (!done) co_return done.error();
  for (std::size_t i = 0; i < places.size(); ++i) {
    auto& one = out.results[places[i]] = std::move((*done)[i]);
    auto applied = co_await apply_block(call, one, blocked[i], dry_run);
    if (!applied) co_return applied.error();
  }
  co_return out;
}

Task<Answer> upsert_one(ApiCall& call, std::string_view user, bool dry_run) {
  auto batch = co_await upsert(call, {user}, dry_run);
  if (!batch) co_return batch.error();
  const auto& one = batch->results.front();
  if (!one.changed.ok) co_return fail(one.changed.refused, one.detail);
  if (!dry_run && one.changed.changed) co_await audit_call(call, "user_upsert", batch->ids.front(), {}, {});
  auto view = co_await accounts(call).user(batch->ids.front());
  JsonOut out;
  if (view) out.object("user", user_view_out(*view));
  co_return out.boolean("created", one.changed.created).boolean("changed", one.changed.changed).done();
}

}  // namespace

Task<Answer> api_user_upsert(ApiCall& call, const JsonIn& params) {
  if (auto known = params.only({"user", "users", "dryRun", "idempotency_key"}); !known) co_return known.error();
  auto dry_run = params.optional_bool("dryRun");
  if (!dry_run) co_return dry_run.error();
  if (params.has("user") == params.has("users")) co_return fail(Errc::field_invalid, "give user or users");
  if (params.has("user")) co_return co_await upsert_one(call, params.raw("user"), dry_run->value_or(false));
  auto users = params.items("users", kUsersMax);
  if (!users) co_return users.error();
  auto batch = co_await upsert(call, std::move(*users), dry_run->value_or(false));
  if (!batch) co_return batch.error();
  Tally tally;
  std::string results;
  for (std::size_t i = 0; i < batch->results.size(); ++i) {
    const auto& one = batch->results[i];
    tally.count(one.changed);
    if (!results.empty()) results += ',';
    if (!one.changed.ok) {
      results += refused_json(batch->ids[i], one);
      continue;
    }
    results += JsonOut()
                   .text("id", batch->ids[i])
                   .boolean("ok", true)
                   .boolean("created", one.changed.created)
                   .boolean("changed", one.changed.changed)
                   .done();
  }
  if (!dry_run->value_or(false) && tally.created + tally.changed > 0) {
    co_await audit_call(call, "user_upsert", {}, {},
                        fmt::format("{} created, {} changed", tally.created, tally.changed));
  }
  JsonOut out;
  out.raw("results", "[" + results + "]").number("created", tally.created).number("changed", tally.changed);
  co_return out.number("unchanged", tally.unchanged).number("refused", tally.refused).done();
}

Task<Answer> api_user_get(ApiCall& call, const JsonIn& params) {
  auto subject = params.optional_text("subject");
  if (!subject) co_return subject.error();
  if (!subject->empty() && params.has("user")) co_return fail(Errc::field_invalid, "give user or subject");
  Result<store::UserView> view = Errc::user_unknown;
  if (subject->empty()) {
    auto id = params.text("user");
    if (!id) co_return id.error();
    view = co_await accounts(call).user(std::move(*id));
  } else {
    // One text names at most one: the forms of addresses and Telegram's numbers do not meet.
    for (const auto kind : {session::kChainSolana, session::kChainEthereum, session::kKindTelegram}) {
      auto stored = session::stored_subject(kind, *subject);
      if (!stored) continue;
      view = co_await call.services().store.user_of(std::string(kind), std::move(*stored));
      if (view || view.error().code != Errc::user_unknown) break;
    }
  }
  if (!view) co_return view.error();
  co_return JsonOut().object("user", user_view_out(*view)).done();
}

Task<Answer> api_user_list(ApiCall& call, const JsonIn& params) {
  auto after = params.optional_text("after");
  if (!after) co_return after.error();
  auto limit = params.optional_integer("limit");
  if (!limit) co_return limit.error();
  const std::int64_t wanted = limit->value_or(100);
  if (wanted < 1 || wanted > kListMax) co_return fail(Errc::field_invalid, fmt::format("limit: 1 to {}", kListMax));
  auto users = co_await call.services().store.users(std::move(*after), static_cast<std::uint32_t>(wanted));
  if (!users) co_return users.error();
  std::string list;
  for (const auto& view : *users) {
    if (!list.empty()) list += ',';
    list += user_out(view).done();
  }
  JsonOut out;
  out.raw("users", "[" + list + "]");
  if (users->size() == static_cast<std::size_t>(wanted)) out.text("next", users->back().user.id);
  co_return out.done();
}

namespace {

Task<Answer> set_blocked(ApiCall& call, const JsonIn& params, bool blocked) {
  auto id = params.text("user");
  if (!id) co_return id.error();
  auto done = co_await accounts(call).block(*id, blocked, call.ip, call.actor);
  if (!done) co_return done.error();
  log::info(blocked ? "user_blocked" : "user_unblocked",
            {{"user", *id}, {"actor", call.actor}, {"ended", done->ended.size()}});
  co_return JsonOut().boolean("changed", done->now).number("ended", done->ended.size()).done();
}

Task<Result<std::string>> audit_of(ApiCall& call, std::string id) {
  std::string rows;
  std::size_t count = 0;
  for (std::uint64_t after = 0; count < kExportRowsMax;) {
    auto some = co_await call.services().store.audit_log({.user_id = id, .after = after, .limit = 1000});
    if (!some) co_return some.error();
    for (const auto& row : *some) {
      if (!rows.empty()) rows += ',';
      rows += audit_json(row);
      after = row.seq;
    }
    count += some->size();
    if (some->size() < 1000) break;
  }
  co_return "[" + rows + "]";
}

}  // namespace

Task<Answer> api_user_block(ApiCall& call, const JsonIn& params) { co_return co_await set_blocked(call, params, true); }

Task<Answer> api_user_unblock(ApiCall& call, const JsonIn& params) {
  co_return co_await set_blocked(call, params, false);
}

Task<Answer> api_user_delete(ApiCall& call, const JsonIn& params) {
  auto id = params.text("user");
  if (!id) co_return id.error();
  auto ended = co_await accounts(call).remove(*id, call.actor);
  if (!ended) co_return ended.error();
  forget_granted(call.services(), *id);
  // What it was told is personal too, and who comes under this id later is somebody else.
  auto cleared = co_await call.worker.hub().clear_history(personal_channel(*id));
  if (!cleared) {
    // The account is gone all the same; what is left ends with the history's time.
    log::warn("error", {{"reason", info(cleared.error().code).name}, {"detail", "history of a deleted user"}});
  }
  // Sessions of a trusted issuer's have no rows to end.
  if (auto closed = co_await close_everywhere(call.services(), *id, Errc::ended_by_operator); !closed) {
    log::warn("user_deleted", {{"user", *id}, {"detail", closed.error().detail}});
  }
  log::info("user_deleted", {{"user", *id}, {"actor", call.actor}, {"ended", *ended}});
  co_return JsonOut().number("ended", *ended).done();
}

Task<Answer> api_user_export(ApiCall& call, const JsonIn& params) {
  auto id = params.text("user");
  if (!id) co_return id.error();
  // Of a trusted issuer's user there is no row, and no session, but what was given and told.
  const bool foreign = is_foreign_user(call.services().config, *id);
  auto view = co_await accounts(call).user(*id);
  if (!view && !foreign) co_return view.error();
  Result<std::vector<store::SessionRow>> sessions = std::vector<store::SessionRow>{};
  if (view) sessions = co_await accounts(call).sessions(*id);
  if (!sessions) co_return sessions.error();
  auto audit = co_await audit_of(call, *id);
  if (!audit) co_return audit.error();
  auto held = co_await call.services().grants->all_of(*id);
  if (!held) co_return held.error();
  std::string grants;
  for (const auto& grant : held->grants) {
    if (!grants.empty()) grants += ',';
    grants += grant_json(grant);
  }
  auto notifications = co_await exported_notifications(call, *id);
  if (!notifications) co_return notifications.error();
  std::string list;
  for (const auto& row : *sessions) {
    if (!list.empty()) list += ',';
    list += session_json(row).done();
  }
  JsonOut out;
  out.object("user", view ? user_view_out(*view) : JsonOut().text("id", *id))
      .raw("sessions", "[" + list + "]")
      .raw("grants", "[" + grants + "]")
      .raw("audit", *audit);
  out.raw("notifications", *notifications);
  co_await audit_call(call, "user_export", std::move(*id), {}, {});
  co_return out.done();
}

}  // namespace gatecast::server
