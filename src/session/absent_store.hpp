// A store that refuses everything, for tests: a model overrides what it is about.
#pragma once

#include "store/store.hpp"

namespace gatecast::session {

class AbsentStore : public store::Store {
 public:
  Task<Result<std::vector<store::ControlRow>>> control_log(std::uint64_t, std::uint32_t) override {
    co_return Errc::internal;
  }
  Task<Result<store::SignedIn>> sign_in(store::SignIn) override { co_return Errc::internal; }
  Task<Result<store::Renewed>> renew(store::Renewal) override { co_return Errc::internal; }
  Task<Result<void>> keep(std::vector<std::pair<std::string, std::uint64_t>>) override { co_return Errc::internal; }
  Task<Result<std::vector<store::SessionRow>>> sessions_of(std::string, WallTime) override { co_return Errc::internal; }
  Task<Result<std::vector<store::SessionRow>>> end_sessions(std::string, std::string, Errc, WallTime,
                                                            std::string) override {
    co_return Errc::internal;
  }
  Task<Result<store::SessionView>> session(std::string) override { co_return Errc::internal; }
  Task<Result<store::Ended>> end_session(std::string, Errc, WallTime, std::string) override {
    co_return Errc::internal;
  }
  Task<Result<std::vector<store::ControlRow>>> ended_since(WallTime) override { co_return Errc::internal; }
  Task<Result<void>> touch(std::vector<std::pair<std::string, WallTime>>) override { co_return Errc::internal; }
  Task<Result<void>> audit(std::vector<store::AuditRow>) override { co_return Errc::internal; }
  Task<Result<std::uint64_t>> prune(WallTime, WallTime, WallTime) override { co_return Errc::internal; }
  Task<Result<void>> consume(std::string, WallTime) override { co_return Errc::internal; }
  Task<Result<store::Linked>> link(store::Link) override { co_return Errc::internal; }
  Task<Result<store::Unlinked>> unlink(std::string, std::string, WallTime, std::string) override {
    co_return Errc::internal;
  }
  Task<Result<store::UserView>> user(std::string) override { co_return Errc::internal; }
  Task<Result<store::UserView>> user_of(std::string, std::string) override { co_return Errc::internal; }
  Task<Result<std::vector<store::UserChanged>>> upsert_users(std::vector<store::UserChange>, WallTime, bool) override {
    co_return Errc::internal;
  }
  Task<Result<store::Blocked>> block_user(std::string, bool, WallTime, std::string, std::string) override {
    co_return Errc::internal;
  }
  Task<Result<std::vector<store::SessionRow>>> delete_user(std::string, WallTime, std::string) override {
    co_return Errc::internal;
  }
  Task<Result<std::vector<store::UserView>>> users(std::string, std::uint32_t) override { co_return Errc::internal; }
  Task<Result<std::vector<store::AuditRow>>> audit_log(store::AuditQuery) override { co_return Errc::internal; }
  Task<Result<store::GrantAdded>> add_grant(store::GrantAdd) override { co_return Errc::internal; }
  Task<Result<store::GrantsRemoved>> remove_grants(store::GrantRemove) override { co_return Errc::internal; }
  Task<Result<std::vector<store::UserGrants>>> grants_of(std::vector<std::string>) override {
    co_return Errc::internal;
  }
  Task<Result<store::GrantsSwept>> sweep_grants(std::uint32_t, store::GrantsLanded) override {
    co_return Errc::internal;
  }
  Task<Result<std::vector<store::Notified>>> notify(store::Notify) override { co_return Errc::internal; }
  Task<Result<store::NotificationPage>> notifications(store::NotificationQuery) override { co_return Errc::internal; }
  Task<Result<store::NotificationsChanged>> read_notifications(std::string, store::NotificationChoice,
                                                               WallTime) override {
    co_return Errc::internal;
  }
  Task<Result<store::NotificationsChanged>> remove_notifications(std::string, store::NotificationChoice) override {
    co_return Errc::internal;
  }
  Task<Result<std::uint64_t>> prune_notifications(WallTime, std::uint32_t) override { co_return Errc::internal; }
  Task<Result<std::uint64_t>> position(std::string) override { co_return Errc::internal; }
  Task<Result<void>> set_position(std::string, std::uint64_t) override { co_return Errc::internal; }
  Task<Result<bool>> lease(std::string, std::string, std::chrono::milliseconds) override { co_return Errc::internal; }
  Task<Result<std::string>> history() override { co_return Errc::internal; }
  Task<Result<void>> end_foreign(std::string, std::string, Errc, WallTime) override { co_return Errc::internal; }
  Task<Result<std::optional<WallTime>>> restored_at() override { co_return Errc::internal; }
  Task<Result<void>> backup(std::string) override { co_return Errc::internal; }
  Task<Result<void>> ping() override { co_return Errc::internal; }
};

}  // namespace gatecast::session
