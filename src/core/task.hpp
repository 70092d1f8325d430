// A coroutine that gives one value to the one who awaits it, and resumes on the loop that awaited.
//
// Task<T> is lazy: it starts when awaited, or when given to `spawn`. It is owned by whoever holds it; a task that was
// never awaited frees its frame without running. `arrival` bridges to code that answers from another thread: the
// coroutine is resumed by a post to the loop it waited on, so a coroutine never changes threads.
// Rules: named coroutine functions only, no capturing lambda coroutines; arguments by value or provably outliving;
// an awaited result gets a name before it is taken apart. Exceptions do not leave a task: they abort.
#pragma once

#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "core/loop.hpp"

namespace gatecast {

template <class T>
class Task;

namespace detail {

struct FinalAwaiter {
  bool await_ready() const noexcept { return false; }
  template <class P>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<P> h) const noexcept {
    auto next = h.promise().continuation;
    return next ? next : std::noop_coroutine();
  }
  void await_resume() const noexcept {}
};

struct PromiseBase {
  std::coroutine_handle<> continuation;
  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& v) {
    value.emplace(std::forward<U>(v));
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() const noexcept {}
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle h) : handle_(h) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  auto operator co_await() && noexcept {
    struct Awaiter {
      Handle handle;
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> who) const noexcept {
        handle.promise().continuation = who;
        return handle;
      }
      T await_resume() const {
        if constexpr (!std::is_void_v<T>) return std::move(*handle.promise().value);
      }
    };
    return Awaiter{handle_};
  }

 private:
  Handle handle_;
};

template <class T>
Task<T> detail::Promise<T>::get_return_object() {
  return Task<T>{std::coroutine_handle<Promise<T>>::from_promise(*this)};
}
inline Task<void> detail::Promise<void>::get_return_object() {
  return Task<void>{std::coroutine_handle<Promise<void>>::from_promise(*this)};
}

namespace detail {
struct Detached {
  struct promise_type {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};
template <class F>
Detached detach(Task<void> task, F done) {
  co_await std::move(task);
  done();
}
}  // namespace detail

/// Starts `task` now, on this thread; it owns itself until it ends.
inline void spawn(Task<void> task) {
  detail::detach(std::move(task), [] {});
}
/// The same, and calls `done` when it has ended.
template <class F>
void spawn(Task<void> task, F done) {
  detail::detach(std::move(task), std::move(done));
}

/// What a producer on any thread holds: call it once with the value, and the waiting coroutine goes on.
template <class T>
class Resume {
 public:
  Resume(Loop* loop, std::coroutine_handle<> who, std::optional<T>* slot) : loop_(loop), who_(who), slot_(slot) {}
  Resume(Resume&& o) noexcept : loop_(std::exchange(o.loop_, nullptr)), who_(o.who_), slot_(o.slot_) {}
  Resume& operator=(Resume&& o) noexcept {
    loop_ = std::exchange(o.loop_, nullptr);
    who_ = o.who_;
    slot_ = o.slot_;
    return *this;
  }
  void operator()(T value) {
    slot_->emplace(std::move(value));
    std::exchange(loop_, nullptr)->post([who = who_] { who.resume(); });
  }

 private:
  Loop* loop_;
  std::coroutine_handle<> who_;
  std::optional<T>* slot_;
};

/// `co_await arrival<T>(start)`: calls `start(Resume<T>)` here, waits until the Resume is called, gives its value.
template <class T, class Start>
auto arrival(Start start) {
  struct Awaiter {
    Start start;
    std::optional<T> slot{};
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> who) { start(Resume<T>{Loop::current(), who, &slot}); }
    T await_resume() { return std::move(*slot); }
  };
  return Awaiter{std::move(start)};
}

}  // namespace gatecast
