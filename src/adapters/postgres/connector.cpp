#include "adapters/postgres/connector.hpp"

#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>

namespace gatecast::postgres {
namespace {

// libpq takes no less.
constexpr std::int64_t kConnectSecondsMin = 2;
// Versions before 12 have no longer been maintained since 2021.
constexpr int kServerVersionMin = 120000;

}  // namespace

Result<PgConn> connect_blocking(const Target& target, std::chrono::milliseconds deadline) {
  auto keywords = target.keywords();
  auto values = target.values();
  keywords.pop_back();
  values.pop_back();
  const auto whole = std::chrono::ceil<std::chrono::seconds>(deadline).count();
  const auto seconds = target.url().connect_timeout ? target.url().connect_timeout->count() : whole;
  const std::string timeout = std::to_string(std::max(seconds, kConnectSecondsMin));
  const std::string unanswered = std::to_string(std::max<std::int64_t>(deadline.count(), 1000));
  const std::pair<const char*, const char*> ours[] = {{"client_encoding", "UTF8"},
                                                      {"fallback_application_name", "gatecast"},
                                                      {"target_session_attrs", "read-write"},
                                                      {"connect_timeout", timeout.c_str()},
                                                      {"tcp_user_timeout", unanswered.c_str()}};
  for (const auto& [name, value] : ours) {
    if (!target.url().find(name).empty()) continue;
    keywords.push_back(name);
    values.push_back(value);
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  PgConn conn(PQconnectdbParams(keywords.data(), values.data(), 0));
  if (!conn) return fail(Errc::store_failed, "out of memory");
  PQsetNoticeReceiver(conn.get(), [](void*, const PGresult*) {}, nullptr);
  if (PQstatus(conn.get()) != CONNECTION_OK) {
    return fail(Errc::store_failed, fmt::format("{}: {}", target.shown(), one_line(PQerrorMessage(conn.get()))));
  }
  if (PQserverVersion(conn.get()) < kServerVersionMin) {
    return fail(Errc::store_failed, fmt::format("{}: PostgreSQL {} is too old, 12 is the least", target.shown(),
                                                PQserverVersion(conn.get()) / 10000));
  }
  return conn;
}

Connector::Connector(Loop& loop, Target target, std::chrono::milliseconds deadline)
    : loop_(loop), target_(std::move(target)), deadline_(deadline), thread_([this] { work(); }) {}

void Connector::connect(Done done) {
  std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(done));
  arrived_.notify_one();
}

void Connector::stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    arrived_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Connector::work() {
  // The program's signals are taken by its own threads.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), "store-connect");
  for (;;) {
    Done done;
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
      if (stopped_) return;
      done = std::move(waiting_.front());
      waiting_.pop_front();
    }
    Result<PgConn> made = connect_blocking(target_, deadline_);
    loop_.post([done = std::move(done), made = std::move(made)]() mutable { done(std::move(made)); });
  }
}

}  // namespace gatecast::postgres
