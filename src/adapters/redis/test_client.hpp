// For tests: a Client on a loop of its own, and what its listeners were told.
#pragma once

#include "adapters/redis/client.hpp"
#include "adapters/redis/test_redis.hpp"

namespace gatecast::redis::testing {

using namespace std::chrono_literals;

/// What became of topics, noted on the loop.
class Notes final : public TopicListener {
 public:
  void on_message(std::string_view topic, std::string_view payload) override {
    messages.push_back(fmt::format("{}={}", topic, payload));
  }
  void on_subscribed(std::string_view topic) override { subscribed.emplace_back(topic); }
  std::vector<std::string> messages{};
  std::vector<std::string> subscribed{};
};

class At {
 public:
  explicit At(std::string url, Client::Options options = {.url = {}, .deadline = 500ms}) {
    options.url = ServiceUrl(std::move(url));
    if (options.name.empty()) options.name = "gatecast test";
    auto made = loop_.call([&] { return Client::make(loop_.loop(), std::move(options)); });
    EXPECT_TRUE(made.has_value()) << made.error().detail;
    client_ = std::move(*made);
    loop_.call([&] { client_->start(); });
  }
  ~At() {
    loop_.call([&] {
      client_->stop();
      client_.reset();
    });
  }
  bool touch(Duration at_most = 5s) {
    return loop_.until([&] { return client_->in_touch(); }, at_most);
  }
  bool lost(Duration at_most = 5s) {
    return loop_.until([&] { return !client_->in_touch(); }, at_most);
  }
  Result<Value> command(std::vector<std::string_view> texts, std::string_view key = "k") {
    return wait([&](ReplyDone done) { client_->command(key, texts, std::move(done)); });
  }
  Result<Value> run(const Script& script, std::vector<std::string_view> keys, std::vector<std::string_view> args) {
    return wait([&](ReplyDone done) { client_->run(script, keys, args, std::move(done)); });
  }
  Result<Value> run_durable(const Script& script, std::vector<std::string_view> keys,
                            std::vector<std::string_view> args, Duration at_most) {
    return wait([&](ReplyDone done) { client_->run_durable(script, keys, args, at_most, std::move(done)); });
  }
  std::string trouble() {
    return loop_.call([&] { return client_->trouble(); });
  }
  std::string refusal() {
    loop_.until([&] { return !client_->refusal().empty(); }, 3s);
    return loop_.call([&] { return client_->refusal(); });
  }
  Client& client() { return *client_; }
  LoopThread& loop() { return loop_; }

 private:
  template <class F>
  Result<Value> wait(F start) {
    std::promise<Result<Value>> promise;
    auto future = promise.get_future();
    loop_.call([&] { start([&promise](Result<Value> value) { promise.set_value(std::move(value)); }); });
    return future.get();
  }

  LoopThread loop_;
  std::unique_ptr<Client> client_;
};

inline Errc code_of(const Result<Value>& value) { return value ? Errc::not_found : value.error().code; }

}  // namespace gatecast::redis::testing
