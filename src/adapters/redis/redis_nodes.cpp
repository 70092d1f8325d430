#include "adapters/redis/redis_nodes.hpp"

#include <array>

#include "core/log.hpp"

namespace gatecast::redis {
namespace {

// For the farewell to leave; without it the others notice after kGoneAfter.
constexpr Duration kFarewell = std::chrono::milliseconds{500};

}  // namespace

RedisNodes::RedisNodes(Self self, std::string_view prefix, const Clock& clock, Times times)
    : NodeTalk(std::move(self), clock, times),
      base_(std::string(prefix) + "1:{n}"),
      all_(base_ + "all"),
      mine_(topic_of(id())) {}

RedisNodes::~RedisNodes() = default;

void RedisNodes::connect(std::unique_ptr<Client> client) { client_ = std::move(client); }

std::string RedisNodes::topic_of(std::string_view node) const { return fmt::format("{}node:{}", base_, node); }

void RedisNodes::open() {
  if (client_ == nullptr) return;
  client_->listen(all_, *this);
  client_->listen(mine_, *this);
  client_->start();
}

// What is on its way leaves first; then the client's connections end.
Task<void> RedisNodes::close() {
  if (client_ == nullptr) co_return;
  Loop::TimerId timer = 0;
  if (under_way_ > 0) {
    static_cast<void>(co_await arrival<bool>([this, &timer](Resume<bool> resume) {
      closing_.emplace(std::move(resume));
      timer = loop().after(kFarewell, [this] {
        if (closing_) std::exchange(closing_, std::nullopt)->operator()(false);
      });
    }));
    loop().cancel(timer);
  }
  client_->stop();
  client_.reset();
}

void RedisNodes::send(const std::string& topic, const std::string& message) {
  if (client_ == nullptr) return;
  ++under_way_;
  const std::array<std::string_view, 3> command{client_->publish_verb(), topic, message};
  client_->command(topic, command, [this](Result<Value> answer) { flushed(std::move(answer)); });
}

void RedisNodes::flushed(Result<Value> answer) {
  // The client says what is wrong with a connection; here it is a user without the right to publish.
  if (answer && answer->is_error()) log::warn("nodes_publish", {{"detail", answer->text}});
  if (--under_way_ == 0 && closing_) std::exchange(closing_, std::nullopt)->operator()(true);
}

void RedisNodes::on_message(std::string_view, std::string_view payload) { received(payload); }

// Both at once: who hears only half of what is said to it would answer no question.
void RedisNodes::on_subscribed(std::string_view topic) {
  (topic == all_ ? hears_all_ : hears_mine_) = true;
  if (!hears_all_ || !hears_mine_) return;
  hears_all_ = hears_mine_ = false;
  listening();
}

}  // namespace gatecast::redis
