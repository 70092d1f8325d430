#include "adapters/postgres/postgres_store.hpp"

#include "adapters/postgres/operations.hpp"
#include "adapters/postgres/schema.hpp"

namespace gatecast::postgres {
namespace {

constexpr std::size_t kChangesMax = 1000;

}  // namespace

struct PostgresStore::Parts {
  Parts(Target target, const Engine::Options& options) : engine(std::move(target), options) {}
  Engine engine;
  std::atomic<std::int64_t> swept_to{0};  // `made` up to which `prune` has looked for expired sessions
};

Result<std::unique_ptr<PostgresStore>> PostgresStore::open(const Options& options) {
  Result<Target> target = Target::make(options.url, options.ca_file);
  if (!target) return target.error();
  if (options.migrate) {
    auto migrated = migrate(*target, options.deadline);
    if (!migrated) return migrated.error();
  }
  const Engine::Options how{.connections = options.connections,
                            .deadline = options.deadline,
                            .queue_ops = options.queue_ops,
                            .clock = options.clock};
  return std::unique_ptr<PostgresStore>(new PostgresStore(std::make_unique<Parts>(std::move(*target), how)));
}

PostgresStore::PostgresStore(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
PostgresStore::~PostgresStore() { stop(); }

void PostgresStore::stop() { parts_->engine.stop(); }

std::string PostgresStore::shown() const { return parts_->engine.target().shown(); }

Stats PostgresStore::stats() const {
  const auto& done = parts_->engine.figures();
  const auto& pool = parts_->engine.pool().figures();
  return {.operations = done.operations,
          .failures = done.failures,
          .refused = done.refused,
          .commits = done.commits,
          .retries = done.retries,
          .in_flight = parts_->engine.in_flight(),
          .connections = pool.open,
          .in_use = pool.in_use,
          .waiting = pool.waiting,
          .connects = pool.made,
          .disconnects = pool.lost,
          .connect_failures = pool.failed};
}

Task<Result<store::SignedIn>> PostgresStore::sign_in(store::SignIn request) {
  co_return co_await parts_->engine.submit<store::SignedIn>([&](Op op) { return postgres::sign_in(op, request); });
}

Task<Result<store::Renewed>> PostgresStore::renew(store::Renewal request) {
  co_return co_await parts_->engine.submit<store::Renewed>([&](Op op) { return postgres::renew(op, request); });
}

Task<Result<void>> PostgresStore::keep(std::vector<std::pair<std::string, std::uint64_t>> kept) {
  co_return co_await parts_->engine.submit<void>([&](Op op) { return postgres::keep(op, kept); });
}

Task<Result<std::vector<store::SessionRow>>> PostgresStore::sessions_of(std::string user_id, WallTime now) {
  co_return co_await parts_->engine.submit<std::vector<store::SessionRow>>(
      [&](Op op) { return postgres::sessions_of(op, user_id, now); });
}

Task<Result<std::vector<store::SessionRow>>> PostgresStore::end_sessions(std::string user_id, std::string keep_sid,
                                                                         Errc reason, WallTime at, std::string ip) {
  co_return co_await parts_->engine.submit<std::vector<store::SessionRow>>(
      [&](Op op) { return postgres::end_sessions(op, user_id, keep_sid, reason, at, ip); });
}

Task<Result<store::SessionView>> PostgresStore::session(std::string sid) {
  co_return co_await parts_->engine.submit<store::SessionView>([&](Op op) { return postgres::session(op, sid); });
}

Task<Result<store::Ended>> PostgresStore::end_session(std::string sid, Errc reason, WallTime at, std::string ip) {
  co_return co_await parts_->engine.submit<store::Ended>(
      [&](Op op) { return postgres::end_session(op, sid, reason, at, ip); });
}

Task<Result<std::vector<store::ControlRow>>> PostgresStore::control_log(std::uint64_t after, std::uint32_t limit) {
  co_return co_await parts_->engine.submit<std::vector<store::ControlRow>>(
      [&](Op op) { return postgres::control_log(op, after, limit); });
}

Task<Result<std::vector<store::ControlRow>>> PostgresStore::ended_since(WallTime since) {
  co_return co_await parts_->engine.submit<std::vector<store::ControlRow>>(
      [&](Op op) { return postgres::ended_since(op, since); });
}

Task<Result<void>> PostgresStore::touch(std::vector<std::pair<std::string, WallTime>> seen) {
  co_return co_await parts_->engine.submit<void>([&](Op op) { return postgres::touch(op, seen); });
}

Task<Result<void>> PostgresStore::audit(std::vector<store::AuditRow> rows) {
  co_return co_await parts_->engine.submit<void>([&](Op op) { return postgres::audit(op, rows); });
}

Task<Result<std::uint64_t>> PostgresStore::prune(WallTime now, WallTime audit_before, WallTime ended_before) {
  co_return co_await parts_->engine.submit<std::uint64_t>(
      [&](Op op) { return postgres::prune(op, now, audit_before, ended_before, parts_->swept_to); });
}

Task<Result<void>> PostgresStore::consume(std::string nonce, WallTime expires) {
  co_return co_await parts_->engine.submit<void>([&](Op op) { return postgres::consume(op, nonce, expires); });
}

Task<Result<store::Linked>> PostgresStore::link(store::Link request) {
  co_return co_await parts_->engine.submit<store::Linked>([&](Op op) { return postgres::link(op, request); });
}

Task<Result<store::Unlinked>> PostgresStore::unlink(std::string user_id, std::string identity_id, WallTime at,
                                                    std::string ip) {
  co_return co_await parts_->engine.submit<store::Unlinked>(
      [&](Op op) { return postgres::unlink(op, user_id, identity_id, at, ip); });
}

Task<Result<store::UserView>> PostgresStore::user(std::string user_id) {
  co_return co_await parts_->engine.submit<store::UserView>([&](Op op) { return postgres::user(op, user_id); });
}

Task<Result<store::UserView>> PostgresStore::user_of(std::string kind, std::string subject) {
  co_return co_await parts_->engine.submit<store::UserView>(
      [&](Op op) { return postgres::user_of(op, kind, subject); });
}

Task<Result<std::vector<store::UserChanged>>> PostgresStore::upsert_users(std::vector<store::UserChange> changes,
                                                                          WallTime at, bool dry_run) {
  if (changes.size() > kChangesMax) co_return fail(Errc::overloaded, "users at once");
  co_return co_await parts_->engine.submit<std::vector<store::UserChanged>>(
      [&](Op op) { return postgres::upsert_users(op, changes, at, dry_run); });
}

Task<Result<store::Blocked>> PostgresStore::block_user(std::string user_id, bool blocked, WallTime at, std::string ip,
                                                       std::string actor) {
  co_return co_await parts_->engine.submit<store::Blocked>(
      [&](Op op) { return postgres::block_user(op, user_id, blocked, at, ip, actor); });
}

Task<Result<std::vector<store::SessionRow>>> PostgresStore::delete_user(std::string user_id, WallTime at,
                                                                        std::string actor) {
  co_return co_await parts_->engine.submit<std::vector<store::SessionRow>>(
      [&](Op op) { return postgres::delete_user(op, user_id, at, actor); });
}

Task<Result<std::vector<store::UserView>>> PostgresStore::users(std::string after, std::uint32_t limit) {
  co_return co_await parts_->engine.submit<std::vector<store::UserView>>(
      [&](Op op) { return postgres::users(op, after, limit); });
}

Task<Result<std::vector<store::AuditRow>>> PostgresStore::audit_log(store::AuditQuery query) {
  co_return co_await parts_->engine.submit<std::vector<store::AuditRow>>(
      [&](Op op) { return postgres::audit_log(op, query); });
}

Task<Result<store::GrantAdded>> PostgresStore::add_grant(store::GrantAdd request) {
  co_return co_await parts_->engine.submit<store::GrantAdded>([&](Op op) { return postgres::add_grant(op, request); });
}

Task<Result<store::GrantsRemoved>> PostgresStore::remove_grants(store::GrantRemove request) {
  co_return co_await parts_->engine.submit<store::GrantsRemoved>(
      [&](Op op) { return postgres::remove_grants(op, request); });
}

Task<Result<std::vector<store::UserGrants>>> PostgresStore::grants_of(std::vector<std::string> user_ids) {
  co_return co_await parts_->engine.submit<std::vector<store::UserGrants>>(
      [&](Op op) { return postgres::grants_of(op, user_ids); });
}

Task<Result<store::GrantsSwept>> PostgresStore::sweep_grants(std::uint32_t limit, store::GrantsLanded landed) {
  co_return co_await parts_->engine.submit<store::GrantsSwept>(
      [&](Op op) { return postgres::sweep_grants(op, limit, landed); });
}

Task<Result<std::vector<store::Notified>>> PostgresStore::notify(store::Notify request) {
  co_return co_await parts_->engine.submit<std::vector<store::Notified>>(
      [&](Op op) { return postgres::notify(op, request); });
}

Task<Result<store::NotificationPage>> PostgresStore::notifications(store::NotificationQuery query) {
  co_return co_await parts_->engine.submit<store::NotificationPage>(
      [&](Op op) { return postgres::notifications(op, query); });
}

Task<Result<store::NotificationsChanged>> PostgresStore::read_notifications(std::string user_id,
                                                                            store::NotificationChoice choice,
                                                                            WallTime at) {
  co_return co_await parts_->engine.submit<store::NotificationsChanged>(
      [&](Op op) { return postgres::read_notifications(op, user_id, choice, at); });
}

Task<Result<store::NotificationsChanged>> PostgresStore::remove_notifications(std::string user_id,
                                                                              store::NotificationChoice choice) {
  co_return co_await parts_->engine.submit<store::NotificationsChanged>(
      [&](Op op) { return postgres::remove_notifications(op, user_id, choice); });
}

Task<Result<std::uint64_t>> PostgresStore::prune_notifications(WallTime before, std::uint32_t limit) {
  co_return co_await parts_->engine.submit<std::uint64_t>(
      [&](Op op) { return postgres::prune_notifications(op, before, limit); });
}

Task<Result<std::uint64_t>> PostgresStore::position(std::string name) {
  co_return co_await parts_->engine.submit<std::uint64_t>([&](Op op) { return postgres::position(op, name); });
}

Task<Result<void>> PostgresStore::set_position(std::string name, std::uint64_t seq) {
  co_return co_await parts_->engine.submit<void>([&](Op op) { return postgres::set_position(op, name, seq); });
}

Task<Result<bool>> PostgresStore::lease(std::string name, std::string holder, std::chrono::milliseconds ttl) {
  co_return co_await parts_->engine.submit<bool>([&](Op op) { return postgres::lease(op, name, holder, ttl); });
}

Task<Result<std::string>> PostgresStore::history() {
  co_return co_await parts_->engine.submit<std::string>([&](Op op) { return postgres::history(op); });
}

Task<Result<void>> PostgresStore::end_foreign(std::string sid, std::string user_id, Errc reason, WallTime at) {
  co_return co_await parts_->engine.submit<void>(
      [&](Op op) { return postgres::end_foreign(op, sid, user_id, reason, at); });
}

Task<Result<std::optional<WallTime>>> PostgresStore::restored_at() {
  co_return co_await parts_->engine.submit<std::optional<WallTime>>([&](Op op) { return postgres::restored_at(op); });
}

Task<Result<void>> PostgresStore::backup(std::string /*path*/) {
  co_return fail(Errc::store_own_tools,
                 "PostgreSQL is backed up by pg_dump or its base backups; after a restore: gatecast store restored");
}

Task<Result<void>> PostgresStore::ping() {
  co_return co_await parts_->engine.submit<void>([&](Op op) { return postgres::ping(op); });
}

}  // namespace gatecast::postgres
