#include "adapters/redis/redis_nodes.hpp"

#include "adapters/redis/test_redis.hpp"
#include "broker/nodes_contract.hpp"

namespace gatecast::redis {
namespace {

using namespace std::chrono_literals;
using broker::Nodes;

// Ten times as fast as in service, but for those who are gone: a busy machine must not look like a dead one.
constexpr broker::NodeTalk::Times kTimes{.beat = 100ms, .in_touch_for = 400ms, .gone_after = 1500ms};

class RedisNodesHarness final : public broker::NodesHarness {
 public:
  ~RedisNodesHarness() override {
    for (auto& [id, nodes] : nodes_) thread_.run(nodes->stop());
    thread_.call([this] { nodes_.clear(); });
  }
  Nodes& add(const std::string& id, const std::string& name) override {
    // A user each, so that one alone can be shut out.
    server_.command({"ACL", "SETUSER", id, "on", ">secret", "allcommands", "allkeys", "allchannels"});
    auto& nodes = nodes_[id];
    nodes = std::make_unique<RedisNodes>(broker::NodeTalk::Self{id, name, "1.0"}, "test:", clock_, kTimes);
    return *nodes;
  }
  void start(Nodes& nodes, std::string facts) override {
    const std::string id = nodes.all().front().id;
    thread_.call([&] {
      Client::Options options{.url = ServiceUrl(fmt::format("redis://{}:secret@127.0.0.1:{}", id, server_.port()))};
      options.prefix = "test:";
      options.deadline = 500ms;
      auto client = Client::make(thread_.loop(), std::move(options));
      ASSERT_TRUE(client) << client.error().detail;
      nodes_.at(id)->connect(std::move(*client));
      nodes.start(thread_.loop(), [facts = std::move(facts)] { return facts; });
    });
  }
  bool until(const std::function<bool()>& so) override { return thread_.until(so); }
  void pass(Duration time) override {
    const auto end = clock_.steady() + time / 10;
    thread_.until([&] { return clock_.steady() >= end; });
  }
  void cut(Nodes& nodes) override {
    const std::string id = nodes.all().front().id;
    server_.command({"ACL", "SETUSER", id, "off"});
    server_.command({"CLIENT", "KILL", "USER", id});
  }
  void mend(Nodes& nodes) override { server_.command({"ACL", "SETUSER", nodes.all().front().id, "on"}); }
  void run(Nodes&, Task<void> task) override {
    thread_.loop().post([task = std::move(task)]() mutable { spawn(std::move(task)); });
  }

 private:
  SystemClock clock_;
  testing::TestRedis server_;
  testing::LoopThread thread_;
  std::map<std::string, std::unique_ptr<RedisNodes>> nodes_;
};

}  // namespace
}  // namespace gatecast::redis

namespace gatecast::broker {
namespace {

INSTANTIATE_TEST_SUITE_P(Redis, NodesContract,
                         testing::Values([] { return std::make_unique<redis::RedisNodesHarness>(); }));

}  // namespace
}  // namespace gatecast::broker
