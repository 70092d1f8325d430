// A place for the contract of brokers: a real redis-server, and its replica.
#pragma once

#include "adapters/redis/redis_broker.hpp"
#include "adapters/redis/test_redis.hpp"
#include "broker/contract.hpp"

namespace gatecast::redis::testing {

class RedisPlace : public broker::BrokerPlace {
 public:
  RedisPlace() = default;
  RedisPlace(std::shared_ptr<TestRedis> server, std::string_view scheme)
      : scheme_(scheme), server_(std::move(server)) {}

  std::unique_ptr<broker::Broker> make() override {
    auto made = RedisBroker::make(thread_.loop(), options());
    EXPECT_TRUE(made) << made.error().detail;
    return std::move(*made);
  }
  void run(const std::function<void()>& fn) override { thread_.call(fn); }
  bool run_until(const std::function<bool()>& so) override { return thread_.until(so); }

  void interrupt() override {
    for (const char* type : {"normal", "pubsub"}) server_->command({"CLIENT", "KILL", "TYPE", type, "SKIPME", "yes"});
  }
  void lose() override { server_->pause(); }
  void mend() override { server_->resume(); }
  void restart_empty() override { server_->restart(); }
  bool add_replica() override {
    replica_ = server_->add_replica();
    return true;
  }
  /// It has all that was written so far, keeps it, and copies from nobody.
  void freeze_replica() override {
    server_->command({"SET", "mark", "1"});
    EXPECT_EQ(server_->command({"WAIT", "1", "5000"}).number, 1);
    replica_->command({"REPLICAOF", "127.0.0.1", "1"});
  }
  void promote_replica() override {
    const std::string port = std::to_string(server_->port());
    replica_->promote();
    server_->kill();
    EXPECT_FALSE(replica_->command({"CONFIG", "SET", "port", port}).is_error());
  }

  TestRedis& server() { return *server_; }
  RedisBroker::Options options() const {
    RedisBroker::Options options;
    options.client.url = ServiceUrl(std::string(scheme_) + "://127.0.0.1:" + std::to_string(server_->port()));
    options.client.deadline = std::chrono::milliseconds{500};
    options.prefix = "test:";
    options.durable_wait = std::chrono::milliseconds{800};
    options.lease = std::chrono::milliseconds{500};
    return options;
  }
  LoopThread& thread() { return thread_; }

 private:
  const std::string_view scheme_ = "redis";
  std::shared_ptr<TestRedis> server_ = std::make_shared<TestRedis>();
  std::unique_ptr<TestRedis> replica_;
  LoopThread thread_;
};

/// A cluster of one server: sharded topics, and keys that have to be of one slot. It takes two seconds to come up, so
/// the tests have one together.
class ClusterPlace final : public RedisPlace {
 public:
  ClusterPlace() : RedisPlace(shared_server(), "redis+cluster") { server().command({"FLUSHALL"}); }
  void restart_empty() override {
    server().kill();
    std::filesystem::remove(server().folder() + "/nodes.conf");
    server().start();
    take_slots(server());
  }
  bool add_replica() override { return false; }

 private:
  static std::shared_ptr<TestRedis> shared_server() {
    static const auto server = [] {
      // The bus would lie 10,000 ports above, where there may be none.
      auto made = std::make_shared<TestRedis>(
          std::vector<std::string>{"--cluster-enabled", "yes", "--cluster-port", std::to_string(free_port())});
      take_slots(*made);
      return made;
    }();
    return server;
  }
  static void take_slots(TestRedis& server) {
    EXPECT_FALSE(server.command({"CLUSTER", "ADDSLOTSRANGE", "0", "16383"}).is_error());
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (std::chrono::steady_clock::now() < end) {
      if (server.command({"CLUSTER", "INFO"}).text.starts_with("cluster_state:ok")) return;
    }
    ADD_FAILURE() << "the cluster has not come up";
  }
};

inline std::unique_ptr<broker::BrokerPlace> make_cluster_place() { return std::make_unique<ClusterPlace>(); }
inline std::unique_ptr<broker::BrokerPlace> make_redis_place() { return std::make_unique<RedisPlace>(); }

}  // namespace gatecast::redis::testing
