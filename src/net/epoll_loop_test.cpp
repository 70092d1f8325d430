#include "net/epoll_loop.hpp"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <latch>

#include "net/socket.hpp"

namespace gatecast::net {
namespace {

using namespace std::chrono_literals;
using Notes = std::vector<std::string>;

class Watcher final : public Ready {
 public:
  explicit Watcher(std::function<void(std::uint32_t)> f) : fn(std::move(f)) {}
  void on_ready(std::uint32_t events) override { fn(events); }
  std::function<void(std::uint32_t)> fn;
};

struct Pair {
  Pair() {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    ours = Fd{fds[0]};
    theirs = Fd{fds[1]};
  }
  void send(std::string_view text) const {
    EXPECT_EQ(write(theirs.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::string receive() const {
    char bytes[64];
    const auto n = read(ours.get(), bytes, sizeof bytes);
    return n > 0 ? std::string(bytes, static_cast<std::size_t>(n)) : std::string();
  }
  Fd ours;
  Fd theirs;
};

TEST(EpollLoop, RunsPostsInOrderInALaterTurn) {
  EpollLoop loop;
  Notes notes;
  loop.post([&] {
    notes.push_back("first");
    EXPECT_EQ(Loop::current(), &loop);
    loop.post([&] {
      notes.push_back("caused");
      loop.stop();
    });
    notes.push_back("first ends");
  });
  loop.post([&] { notes.push_back("second"); });
  loop.run();
  EXPECT_EQ(Loop::current(), nullptr);
  EXPECT_EQ(notes, (Notes{"first", "first ends", "second", "caused"}));
}

TEST(EpollLoop, RunsPostsOfManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kEach = 3000;
  EpollLoop loop;
  std::array<int, kThreads> next{};
  int ended = 0;
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) loop.post([&, t, i] { EXPECT_EQ(next[t]++, i); });
      loop.post([&] {
        if (++ended == kThreads) loop.stop();
      });
    });
  }
  loop.run();
  for (auto& thread : threads) thread.join();
  for (const int n : next) EXPECT_EQ(n, kEach);
}

// Each post finds the other loop waiting, or on its way to wait: were one of them not to wake it, this would not end.
TEST(EpollLoop, PostsWakeAWaitingLoop) {
  EpollLoop loop;
  EpollLoop other;
  int rounds = 0;
  std::function<void()> ping = [&] {
    if (++rounds == 2000) {
      loop.stop();
      other.stop();
      return;
    }
    other.post([&] { loop.post([&] { ping(); }); });
  };
  loop.post([&] { ping(); });
  const auto began = std::chrono::steady_clock::now();
  std::thread thread([&] { other.run(); });
  loop.run();
  thread.join();
  EXPECT_EQ(rounds, 2000);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 60s) << "4000 waits of 250 ms would take 1000 s";
}

// However many posts come before the loop looks, they wake it once and run in one turn.
TEST(EpollLoop, ManyPostsAreOneTurn) {
  EpollLoop loop;
  int posts = 0;
  int turns = 0;
  int turns_with_posts = 0;
  loop.at_turn_end([&, seen = 0]() mutable {
    ++turns;
    if (posts != seen) ++turns_with_posts;
    seen = posts;
    if (posts == 1000) loop.stop();
    return false;
  });
  for (int i = 0; i < 1000; ++i) loop.post([&] { ++posts; });
  loop.run();
  EXPECT_EQ(turns_with_posts, 1);
  EXPECT_EQ(turns, 1);
}

TEST(EpollLoop, TimersFireInTheirOrderAndNotEarly) {
  EpollLoop loop;
  Notes notes;
  const auto began = std::chrono::steady_clock::now();
  const auto note = [&](std::string text, Duration due) {
    loop.after(due, [&, text, due] {
      EXPECT_GE(std::chrono::steady_clock::now() - began, due);
      EXPECT_GE(loop.now() - began, due);
      notes.push_back(text);
    });
  };
  note("30", 30ms);
  note("10", 10ms);
  note("20", 20ms);
  note("12", 12ms);
  note("0", 0ms);
  loop.after(40ms, [&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(notes, (Notes{"0", "10", "12", "20", "30"}));
}

TEST(EpollLoop, CancelledTimersDoNotFire) {
  EpollLoop loop;
  Notes notes;
  const auto never = loop.after(1ms, [&] { notes.push_back("never"); });
  EXPECT_NE(never, 0u);
  loop.cancel(never);
  loop.cancel(never);
  loop.cancel(0);
  loop.cancel(999);
  // Due in the same turn: the first cancels the second.
  Loop::TimerId second = 0;
  Loop::TimerId first = 0;
  first = loop.after(2ms, [&] {
    notes.push_back("first");
    loop.cancel(first);
    loop.cancel(second);
    loop.after(1ms, [&] { loop.stop(); });
  });
  second = loop.after(2ms, [&] { notes.push_back("second"); });
  EXPECT_NE(first, second);
  std::this_thread::yield();
  loop.run();
  EXPECT_EQ(notes, Notes{"first"});
}

TEST(EpollLoop, TellsWhatIsReady) {
  EpollLoop loop;
  Pair pair;
  Notes notes;
  Watcher watcher([&](std::uint32_t events) {
    if ((events & EPOLLIN) != 0) notes.push_back(pair.receive());
    if (notes.back() == "one") {
      pair.send("two");
    } else if (notes.back() == "two") {
      pair.theirs.reset();
    } else {
      EXPECT_NE(events & EPOLLHUP, 0u);
      loop.stop();
    }
  });
  EXPECT_TRUE(loop.watch(pair.ours.get(), EPOLLIN, &watcher));
  EXPECT_FALSE(loop.watch(pair.ours.get(), EPOLLIN, &watcher)) << "it is watched already";
  pair.send("one");
  loop.run();
  EXPECT_EQ(notes, (Notes{"one", "two", ""}));
}

TEST(EpollLoop, IsLevelTriggeredAndChanges) {
  EpollLoop loop;
  Pair pair;
  std::vector<std::uint32_t> seen;
  Watcher watcher([&](std::uint32_t events) {
    seen.push_back(events);
    // Not read: told again, until only write readiness is wanted.
    if (seen.size() == 2) loop.change(pair.ours.get(), EPOLLOUT, &watcher);
    if (seen.size() == 3) {
      loop.unwatch(pair.ours.get());
      loop.after(5ms, [&] { loop.stop(); });
    }
  });
  EXPECT_TRUE(loop.watch(pair.ours.get(), EPOLLIN, &watcher));
  pair.send("bytes");
  loop.run();
  EXPECT_EQ(seen, (std::vector<std::uint32_t>{EPOLLIN, EPOLLIN, EPOLLOUT}));
  EXPECT_EQ(pair.receive(), "bytes");
}

TEST(EpollLoop, TurnIsDescriptorsThenPostsThenTimersThenItsEnd) {
  EpollLoop loop;
  Pair pair;
  Notes notes;
  Watcher watcher([&](std::uint32_t) {
    notes.push_back("ready " + pair.receive());
    loop.post([&] { notes.push_back("post"); });
  });
  EXPECT_TRUE(loop.watch(pair.ours.get(), EPOLLIN, &watcher));
  loop.after(0ms, [&] { notes.push_back("timer"); });
  loop.at_turn_end([&] {
    notes.push_back("end");
    loop.stop();
    return false;
  });
  pair.send("bytes");
  loop.run();
  EXPECT_EQ(notes, (Notes{"ready bytes", "post", "timer", "end"}));
}

// While the turn's end leaves work, the loop does not wait; what is ready comes in between.
TEST(EpollLoop, GoesOnWithoutWaitingWhileThereIsMore) {
  EpollLoop loop;
  Pair pair;
  int turns = 0;
  int ready_at = 0;
  Watcher watcher([&](std::uint32_t) {
    static_cast<void>(pair.receive());
    ready_at = turns;
  });
  EXPECT_TRUE(loop.watch(pair.ours.get(), EPOLLIN, &watcher));
  const auto began = std::chrono::steady_clock::now();
  loop.at_turn_end([&] {
    if (++turns == 50) pair.send("x");
    if (turns == 100) loop.stop();
    return true;
  });
  loop.post([] {});
  loop.run();
  EXPECT_EQ(turns, 100);
  EXPECT_EQ(ready_at, 50);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 20s) << "100 waits would take 25 s";
}

TEST(EpollLoop, StopRunsWhatWasPosted) {
  EpollLoop loop;
  bool ran = false;
  loop.stop();
  loop.post([&] { ran = true; });
  loop.run();
  EXPECT_TRUE(ran);
}

TEST(EpollLoop, WakeFromAnotherThreadRunsATurn) {
  EpollLoop loop;
  int turns = 0;
  std::latch first(1);
  loop.at_turn_end([&] {
    if (++turns == 1) first.count_down();
    return false;
  });
  loop.post([] {});
  std::thread thread([&] {
    first.wait();
    loop.stop();
  });
  loop.run();
  thread.join();
  EXPECT_GE(turns, 1);
}

}  // namespace
}  // namespace gatecast::net
