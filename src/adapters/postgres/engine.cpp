#include "adapters/postgres/engine.hpp"

#include <pthread.h>
#include <signal.h>

namespace gatecast::postgres {
namespace {

Pool::Options pool_options(const Engine::Options& options, const Target& target) {
  return {.connections = options.connections, .deadline = options.deadline, .prepared = target.url().prepared};
}

}  // namespace

Engine::Engine(Target target, const Options& options)
    : options_(options),
      connector_(loop_, std::move(target), options.deadline),
      pool_(loop_, connector_, pool_options(options, connector_.target())),
      turns_(loop_),
      thread_([this] { run(); }) {}

void Engine::run() {
  // The program's signals are taken by its own threads.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), "store-postgres");
  loop_.run();
  pool_.close_all();
}

void Engine::stop() {
  stopping_ = true;
  if (!thread_.joinable()) return;
  loop_.post([this] {
    if (in_flight_ == 0) loop_.stop();
  });
  thread_.join();
  connector_.stop();
}

std::optional<Errc> Engine::admit() {
  // Counted first: `stop` then either waits for it or has been seen here.
  const auto before = in_flight_.fetch_add(1);
  if (!stopping_ && before < options_.queue_ops) return std::nullopt;
  const bool full = !stopping_;
  leave();
  if (!full) return Errc::cancelled;
  ++figures_.refused;
  return Errc::overloaded;
}

void Engine::leave() {
  if (in_flight_.fetch_sub(1) == 1 && stopping_) loop_.stop();
}

void Engine::note_failure(const Error& error) {
  if (error.code != Errc::store_failed) return;
  ++figures_.failures;
  metrics::count<"store_failures_total">(error.code);
}

std::optional<WallTime> Engine::test_now() const {
  return options_.clock != nullptr ? std::optional(options_.clock->wall()) : std::nullopt;
}

}  // namespace gatecast::postgres
