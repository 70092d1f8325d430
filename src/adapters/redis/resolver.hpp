// Names of hosts to addresses, off the loop: asking the resolver of the system may take seconds.
//
// Place: inside a client's connections. One thread, made with the first name that is no address; while it is busy
// questions wait. Threads: `resolve` on the loop, `done` there. Lifetime: after destruction no `done` is called; a
// thread that waits for the system then ends by itself. Bounds: 64 questions wait; over it temporarily_unavailable.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/loop.hpp"
#include "core/result.hpp"

namespace gatecast::redis {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

class Resolver {
 public:
  using Done = std::move_only_function<void(Result<std::vector<SocketAddress>>)>;

  explicit Resolver(Loop& loop);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Answers in a later turn; an address is answered without the thread.
  void resolve(const std::string& host, std::uint16_t port, Done done);

 private:
  struct State;
  static void serve(const std::shared_ptr<State>& state);

  Loop& loop_;
  std::shared_ptr<State> state_;
};

}  // namespace gatecast::redis
