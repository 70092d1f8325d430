// The broker's way to Redis: its client, its names, and what becomes of the answers.
//
// Place: one a RedisBroker, shared by its parts. Threads: the loop's. Lifetime: `later` runs nothing once it is gone;
// the client calls nothing after its stop. Errors: temporarily_unavailable for whatever a server refuses, overloaded
// where its memory is full; a script that fails is logged by its name and counted.
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "adapters/redis/broker_scripts.hpp"
#include "adapters/redis/names.hpp"

namespace gatecast::redis {

class BrokerCalls {
 public:
  BrokerCalls(net::EpollLoop& loop, std::unique_ptr<Client> client, std::string_view prefix)
      : loop_(loop), client_(std::move(client)), names_(prefix) {}

  net::EpollLoop& loop() { return loop_; }
  Client& client() { return *client_; }
  const Names& names() const { return names_; }

  /// `done` gets no value of kind error.
  void run(const BrokerScript& script, Texts keys, Texts args, ReplyDone done);
  void run_durable(const BrokerScript& script, Texts keys, Texts args, Duration wait, ReplyDone done);
  /// The same for one command.
  void command(std::string_view key, Texts args, ReplyDone done);
  /// In a later turn of the loop.
  void later(Loop::Fn fn);
  /// Nothing is called from here on.
  void stop() {
    alive_.reset();
    client_->stop();
  }

 private:
  static ReplyDone checked(std::string_view name, ReplyDone done);

  net::EpollLoop& loop_;
  std::unique_ptr<Client> client_;
  const Names names_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// What a list of texts says at `index`; empty where it says nothing.
std::string_view text_at(const Value& list, std::size_t index);

}  // namespace gatecast::redis
