#include "broker/memory_nodes.hpp"

#include "broker/nodes_contract.hpp"
#include "core/manual_loop.hpp"

namespace gatecast::broker {
namespace {

class MemoryHarness final : public NodesHarness {
 public:
  ~MemoryHarness() override {
    for (auto& [id, nodes] : nodes_) spawn(nodes->stop());
    loop_.run_until_idle();
  }
  Nodes& add(const std::string& id, const std::string& name) override {
    auto& nodes = nodes_[id];
    nodes = std::make_unique<MemoryNodes>(net_, NodeTalk::Self{id, name, "1.0"}, clock_);
    return *nodes;
  }
  void start(Nodes& nodes, std::string facts) override {
    nodes.start(loop_, [facts = std::move(facts)] { return facts; });
  }
  bool until(const std::function<bool()>& so) override {
    for (int i = 0; i < 1000; ++i) {
      loop_.run_until_idle();
      if (so()) return true;
      loop_.advance(std::chrono::milliseconds(10));
    }
    return false;
  }
  void pass(Duration time) override {
    for (constexpr Duration kStep = std::chrono::milliseconds{50}; time > Duration::zero(); time -= kStep) {
      loop_.advance(std::min(time, kStep));
    }
  }
  void cut(Nodes& nodes) override { net_.cut(id_of(nodes)); }
  void mend(Nodes& nodes) override { net_.mend(id_of(nodes)); }
  void run(Nodes&, Task<void> task) override {
    spawn(std::move(task));
    loop_.run_until_idle();
  }

  MemoryNet& net() { return net_; }

 private:
  static std::string id_of(Nodes& nodes) { return nodes.all().front().id; }

  ManualClock clock_;
  ManualLoop loop_{clock_};
  MemoryNet net_;
  std::map<std::string, std::unique_ptr<MemoryNodes>> nodes_;
};

INSTANTIATE_TEST_SUITE_P(Memory, NodesContract, testing::Values([] { return std::make_unique<MemoryHarness>(); }));

Task<void> ask_into(Nodes& nodes, std::optional<std::vector<NodeAnswer>>& answers) {
  answers.emplace(co_await nodes.ask("none", "", std::chrono::seconds{1}));
}

class MemoryNodesTest : public testing::Test {
 protected:
  void SetUp() override {
    for (auto* nodes : {&a_, &b_}) {
      harness_.start(*nodes, "{}");
      nodes->on_lost([this, nodes] { ++lost_[nodes]; });
    }
    ASSERT_TRUE(harness_.until([this] { return a_.all().size() == 2 && b_.all().size() == 2 && b_.in_touch(); }));
    harness_.pass(std::chrono::seconds{2});
    lost_.clear();
  }

  MemoryHarness harness_;
  Nodes& a_ = harness_.add("a", "a");
  Nodes& b_ = harness_.add("b", "b");
  std::map<Nodes*, int> lost_;
};

TEST_F(MemoryNodesTest, OneLostWordIsNoticedByTheNextMessage) {
  harness_.net().lose("b", 1);
  a_.tell("word", "");
  harness_.until([] { return true; });
  EXPECT_EQ(lost_[&b_], 0);
  harness_.pass(Nodes::kHeartbeatEvery);
  EXPECT_EQ(lost_[&b_], 1);
  EXPECT_EQ(lost_[&a_], 0);
  harness_.pass(3 * Nodes::kHeartbeatEvery);
  EXPECT_EQ(lost_[&b_], 1) << "told again and again";
}

TEST_F(MemoryNodesTest, ALostHeartbeatIsNoticedToo) {
  harness_.net().lose("b", 1);
  harness_.pass(Nodes::kHeartbeatEvery);
  EXPECT_EQ(lost_[&b_], 0);
  harness_.pass(Nodes::kHeartbeatEvery);
  EXPECT_EQ(lost_[&b_], 1);
}

// Nothing below waits for a heartbeat: no time passes.
TEST_F(MemoryNodesTest, WhoComesKnowsAllAtOnce) {
  Nodes& c = harness_.add("c", "c");
  harness_.start(c, "{}");
  harness_.until([] { return true; });
  EXPECT_EQ(c.all().size(), 3u);
  EXPECT_EQ(a_.all().size(), 3u);
  EXPECT_TRUE(c.in_touch());
}

TEST_F(MemoryNodesTest, WhoSaysFarewellIsGoneAtOnce) {
  harness_.run(b_, b_.stop());
  EXPECT_EQ(a_.all().size(), 1u);
}

TEST_F(MemoryNodesTest, WhoIsConnectedAgainKnowsThatItMayHaveMissedSomething) {
  harness_.net().cut("b");
  a_.tell("word", "");
  harness_.until([] { return true; });
  harness_.net().mend("b");
  harness_.until([] { return true; });
  EXPECT_EQ(lost_[&b_], 1);
  EXPECT_EQ(lost_[&a_], 0);
}

TEST_F(MemoryNodesTest, WhoIsAskedLateIsStillAnsweredForAndItsAnswerIsDropped) {
  harness_.net().delay("b", std::chrono::seconds{2});
  std::optional<std::vector<NodeAnswer>> answers;
  harness_.run(a_, ask_into(a_, answers));
  harness_.pass(std::chrono::seconds{1});
  ASSERT_TRUE(answers.has_value());
  EXPECT_EQ(answers->front().body.error().code, Errc::temporarily_unavailable);
  harness_.pass(std::chrono::seconds{3});
}

}  // namespace
}  // namespace gatecast::broker
