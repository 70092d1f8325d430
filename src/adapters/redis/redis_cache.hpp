// cache::Cache on Redis: counters and short-lived values that all nodes share.
//
// Place: made by app, used by limits and the API through cache/cache.hpp. Its client lives on one loop; calls of other
// loops are gathered there, and each answer goes back to the loop that asked. Threads: `start` and `stop` on the
// client's loop, the rest on any loop's. Lifetime: `stop` answers what is under way; the loops that asked outlive it.
// Bounds: 65,536 calls gathered, a value 1 MB; over either overloaded. Keys are PREFIX `1:k:`.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "adapters/redis/client.hpp"
#include "cache/cache.hpp"

namespace gatecast::redis {

class RedisCache final : public cache::Cache {
 public:
  static constexpr std::size_t kValueBytesMax = 1u << 20;
  static constexpr std::size_t kCallsMax = 65'536;

  /// `options` say where, with the prefix; role and topics are set here. Error: config_invalid.
  static Result<std::unique_ptr<RedisCache>> make(net::EpollLoop& loop, Client::Options options);
  ~RedisCache() override;

  void start();
  void stop();

  Task<Result<cache::Count>> hit(std::string key, Duration window, std::uint32_t limit) override;
  Task<Result<void>> give_back(std::string key) override;
  Task<Result<std::optional<std::string>>> get(std::string key) override;
  Task<Result<void>> put(std::string key, std::string value, Duration ttl) override;

  /// As of a quarter of a second ago; any thread.
  bool in_touch() const override { return in_touch_.load(std::memory_order_relaxed); }
  std::string trouble() const;
  std::string refusal() const;

 private:
  using Call = std::move_only_function<void(Client&)>;

  RedisCache(net::EpollLoop& loop, std::unique_ptr<Client> client, std::string prefix);
  /// Where it cannot be taken, for too many or for the end, it is dropped, which answers it.
  void give(Call call);
  void run_calls();
  void look();
  std::string key_of(char kind, std::string_view key) const;

  net::EpollLoop& loop_;
  std::unique_ptr<Client> client_;
  const std::string prefix_;
  Loop::TimerId timer_ = 0;
  std::atomic<bool> in_touch_{false};
  mutable std::mutex mutex_{};
  std::vector<Call> calls_{};
  bool running_ = false;
  std::string trouble_{};
  std::string refusal_{};
  std::shared_ptr<int> life_ = std::make_shared<int>(0);
};

}  // namespace gatecast::redis
