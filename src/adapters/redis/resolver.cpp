#include "adapters/redis/resolver.hpp"

#include <netdb.h>

#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

namespace gatecast::redis {
namespace {

constexpr std::size_t kWaitingMax = 64;

Result<std::vector<SocketAddress>> look_up(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failed != 0) return fail(Errc::temporarily_unavailable, fmt::format("{}: {}", host, gai_strerror(failed)));
  std::vector<SocketAddress> out;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    SocketAddress one{.storage = {}, .size = at->ai_addrlen};
    std::memcpy(&one.storage, at->ai_addr, at->ai_addrlen);
    out.push_back(one);
  }
  freeaddrinfo(found);
  return out;
}

}  // namespace

struct Resolver::State {
  struct Question {
    std::string host;
    std::uint16_t port;
    Done done;
  };
  std::mutex mutex{};
  std::condition_variable asked{};
  std::deque<Question> questions{};
  Loop* loop = nullptr;  // null: over
  bool running = false;
};

Resolver::Resolver(Loop& loop) : loop_(loop), state_(std::make_shared<State>()) { state_->loop = &loop; }

Resolver::~Resolver() {
  std::lock_guard lock(state_->mutex);
  state_->loop = nullptr;
  state_->questions.clear();
  state_->asked.notify_all();
}

void Resolver::resolve(const std::string& host, std::uint16_t port, Done done) {
  auto known = look_up(host, port, AI_NUMERICHOST);
  const auto answer = [this](Done& to, Result<std::vector<SocketAddress>> found) {
    loop_.post([state = std::weak_ptr(state_), done = std::move(to), found = std::move(found)]() mutable {
      const auto alive = state.lock();
      if (alive != nullptr && alive->loop != nullptr) done(std::move(found));
    });
  };
  if (known) return answer(done, std::move(known));
  std::lock_guard lock(state_->mutex);
  if (state_->questions.size() >= kWaitingMax) {
    return answer(done,
                  fail(Errc::temporarily_unavailable, fmt::format("{}: too many names are being resolved", host)));
  }
  state_->questions.push_back({host, port, std::move(done)});
  state_->asked.notify_all();
  if (!std::exchange(state_->running, true)) std::thread([state = state_] { serve(state); }).detach();
}

void Resolver::serve(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  while (state->loop != nullptr) {
    if (state->questions.empty()) {
      state->asked.wait(lock);
      continue;
    }
    auto question = std::move(state->questions.front());
    state->questions.pop_front();
    lock.unlock();
    auto found = look_up(question.host, question.port, AI_ADDRCONFIG);
    lock.lock();
    if (state->loop == nullptr) break;
    // `done` may hold what belongs to the loop: it is called and dropped there.
    state->loop->post(
        [weak = std::weak_ptr(state), done = std::move(question.done), found = std::move(found)]() mutable {
          const auto alive = weak.lock();
          if (alive == nullptr || alive->loop == nullptr) return;
          done(std::move(found));
        });
  }
}

}  // namespace gatecast::redis
