#include "net/shard.hpp"

#include <pthread.h>

namespace gatecast::net {
namespace {
constexpr std::size_t kDataBytesATurn = 1u << 20;
}

Shard::Shard(unsigned index, Bounds bounds)
    : index_(index), wheel_(loop_.now()), mailbox_(bounds.data_count, bounds.data_bytes) {
  loop_.at_turn_end([this] { return end_turn(); });
}

void Shard::post_control(Mailbox::Fn fn) {
  mailbox_.push_control(std::move(fn));
  loop_.wake();
}

bool Shard::post_data(std::size_t bytes, Mailbox::Fn fn) {
  if (!mailbox_.push_data(bytes, std::move(fn))) return false;
  loop_.wake();
  return true;
}

bool Shard::end_turn() {
  mailbox_.drain_control();
  bool left = false;
  if (turns_ == nullptr || turns_->may_take_data()) {
    left = mailbox_.drain_data(kDataBytesATurn);
  } else {
    left = mailbox_.has_data();
  }
  wheel_.advance(loop_.now());
  if (turns_ != nullptr) left = turns_->flush() || left;
  return left;
}

void Shard::run() {
  check_.bind();
  loop_.run();
}

Shards::Shards(unsigned count, Shard::Bounds bounds) {
  for (unsigned i = 0; i < count; ++i) shards_.push_back(std::make_unique<Shard>(i, bounds));
}

Shards::~Shards() { stop(); }

void Shards::start(std::function<void(Shard&)> on_thread) {
  for (auto& shard : shards_) {
    threads_.emplace_back([&shard = *shard, on_thread] {
      pthread_setname_np(pthread_self(), fmt::format("shard-{}", shard.index()).c_str());
      shard.loop().post([&shard, on_thread] { on_thread(shard); });
      shard.run();
    });
  }
}

void Shards::stop() {
  for (auto& shard : shards_) shard->loop().stop();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace gatecast::net
