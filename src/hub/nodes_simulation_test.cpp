// Several nodes of several shards on one truth, through everything that may happen between them: connections cut, slow
// and silent, answers lost, publications late and twice, full lanes, servers that take over behind or start again
// empty, nodes that are killed, in an order that a seed decides.
//
// GATECAST_SEED=n replays one seed and tells its last steps where it fails; GATECAST_SEEDS=n runs that many.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <random>

#include "hub/nodes_world.hpp"

namespace gatecast::hub {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::NodesApp;
using testing::NodesTally;
using testing::NodesWorld;
using testing::OneThread;

class NodesStory {
 public:
  NodesStory(std::uint64_t seed, NodesTally& tally) : random_(seed), tally_(tally) {
    // Half of the stories keep everything: there nobody may be told but of another epoch.
    retained_ = seed % 2 == 0;
    forks_ = seed % 4 < 2;
    held_ = seed % 3 != 0;
    Hub::Limits limits;
    limits.shared.linger = seconds{1};
    // Where nothing is lost without a sign, everything must come without looking.
    silent_ = chance(40);
    limits.shared.look_every = silent_ ? Duration(seconds{2}) : std::chrono::hours{24};
    limits.shared.pending = chance(50) ? 4 : 256;
    limits.shared.catching_up = chance(50) ? 1 : 64;
    limits.shared.tell_apart = milliseconds(below(300));
    limits.streams.page = retained_ ? 5000 : static_cast<std::uint32_t>(6 + below(60));
    if (chance(30)) limits.refill_bytes = 500;
    OneThread::Bounds lanes;
    if (chance(50)) lanes.count = 4 + below(12);
    world_ = std::make_unique<NodesWorld>(
        NodesWorld::Options{.nodes = 1 + below(3),
                            .shards = static_cast<unsigned>(1 + below(3)),
                            .seed = seed,
                            .limits = limits,
                            .lanes = lanes,
                            .history = {.size = retained_ ? 100'000u : static_cast<std::uint32_t>(4 + below(30)),
                                        .time = std::chrono::hours{24}},
                            .retained = retained_},
        tally);
    shards_ = world_->nodes.front()->shards();
    for (std::size_t i = 4 + below(6); i-- > 0;) {
      auto& app = world_->apps.emplace_back();
      for (int n = 0; n < 2; ++n) app.views[channel()];
      come(app);
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) step();
    if (::testing::Test::HasFailure()) return;
    for (auto& app : world_->apps) {
      if (!app.client) come(app);
    }
    world_->finish();
  }
  std::string last_steps() const { return world_->last_steps(); }

 private:
  std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }
  bool chance(unsigned percent) { return below(100) < percent; }
  std::size_t node() { return below(world_->nodes.size()); }
  unsigned shard() { return static_cast<unsigned>(below(shards_)); }
  std::string channel() {
    static constexpr std::array kNames{"a", "b", "c", "#ann", NodesWorld::kUnkept};
    return kNames[below(kNames.size())];
  }
  void come(NodesApp& app) {
    world_->connect(app, node(), shard());
    for (auto& [name, view] : app.views) world_->ask(app, name);
  }

  void step() {
    const auto what = below(1000);
    auto& app = world_->apps[below(world_->apps.size())];
    if (what < 220) return publish();
    if (what < 500) return turn();
    if (what < 600) return let();
    if (what < 680) return world_->read(app);
    if (what < 760) {
      for (auto& [name, view] : app.views) world_->ask(app, name);
      return;
    }
    if (what < 800) return app.client ? world_->leave(app) : come(app);
    if (what < 806) return world_->calm(node());
    if (what < 860) {
      world_->pass(milliseconds(below(700)));
      return world_->tend(node());
    }
    fault(what);
  }
  void publish() {
    if (chance(8)) return world_->push(node(), "#ann");
    const auto name = channel();
    for (std::size_t i = 1 + below(4); i-- > 0;) world_->publish(node(), shard(), name);
  }
  void turn() { world_->nodes[node()]->turn(shard(), chance(30) ? below(4) : ~std::size_t{0}); }
  void let() {
    const auto n = node();
    const auto s = shard();
    auto& broker = world_->nodes[n]->broker(s);
    world_->nodes[n]->enter(s);
    for (std::size_t i = below(8); i-- > 0;) chance(50) ? broker.let_answer() : broker.let_message();
  }
  void fault(std::size_t what) {
    const auto n = node();
    const auto s = shard();
    auto& broker = world_->nodes[n]->broker(s);
    world_->nodes[n]->enter(s);
    if (what < 890) {
      world_->note(fmt::format("node {} shard {} {}", n, s, broker.in_touch() ? "is cut" : "is back"));
      ++tally_.cuts;
      return broker.in_touch() ? broker.cut() : broker.mend();
    }
    if (what < 910) return broker.duplicate(1);
    if (what < 925) return silent_ ? broker.lose_messages(1) : void();
    if (what < 940) return broker.lose_answers(1);
    if (what < 960) {
      if (held_) broker.hold(true);
      return;
    }
    if (what < 970) return broker.wait_to_listen(chance(50));
    if (what < 972) return world_->kill(n);
    if (what < 976) return world_->calm(n);
    if (forks_ && what < 984) return world_->truth().freeze();
    if (forks_ && what < 990) {
      world_->note("another server takes over");
      world_->forked();
      ++tally_.takeovers;
      return world_->truth().promote();
    }
    if (!retained_ && what < 991) {
      world_->note("the server starts again empty");
      world_->forked();
      ++tally_.emptied;
      world_->truth().restart_empty();
    }
  }

  std::mt19937_64 random_;
  NodesTally& tally_;
  bool retained_ = false, forks_ = false, held_ = false, silent_ = false;
  unsigned shards_ = 1;
  std::unique_ptr<NodesWorld> world_;
};

void print(const NodesTally& t, std::uint64_t seeds) {
  const auto n = [](std::uint64_t v) { return static_cast<unsigned long long>(v); };
  std::printf("%llu seeds: %llu published, %llu failed or unknown, %llu pushed, %llu received\n", n(seeds),
              n(t.published), n(t.failed), n(t.pushed), n(t.received));
  std::printf("  %llu recovered (%llu had missed something), %llu could not, %llu refused\n", n(t.recovered),
              n(t.replayed), n(t.unrecovered), n(t.refused));
  std::printf("  %llu told (%llu of another epoch), %llu caught up by homes, %llu fetched again by shards\n", n(t.told),
              n(t.told_of_epochs), n(t.caught_up), n(t.refilled));
  std::printf("  %llu cuts, %llu takeovers, %llu started empty, %llu nodes killed\n", n(t.cuts), n(t.takeovers),
              n(t.emptied), n(t.killed));
}

TEST(NodesSimulationStories, EveryoneGetsEverythingOnceOrIsTold) {
  std::uint64_t first = 1, count = 150;
  if (const char* n = std::getenv("GATECAST_SEEDS")) count = std::strtoull(n, nullptr, 10);
  if (const char* n = std::getenv("GATECAST_SEED")) {
    first = std::strtoull(n, nullptr, 10);
    count = 1;
  }
  NodesTally t;
  for (auto seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(fmt::format("GATECAST_SEED={}", seed));
    NodesStory story(seed, t);
    story.run(600);
    if (HasFailure()) FAIL() << "the last steps:\n" << story.last_steps() << "replay: GATECAST_SEED=" << seed;
  }
  print(t, count);
  if (count < 100) return;
  const auto often = [&](const char* what, std::uint64_t times, std::uint64_t in_a_hundred_seeds) {
    EXPECT_GE(times * 100, count * in_a_hundred_seeds) << what;
  };
  often("what was missed came", t.replayed, 100);
  often("told of another epoch", t.told_of_epochs, 50);
  often("homes caught up", t.caught_up, 300);
  often("could not recover", t.unrecovered, 50);
  often("fetched again after a full lane", t.refilled, 20);
  often("takeovers", t.takeovers, 50);
  often("killed", t.killed, 100);
}

}  // namespace
}  // namespace gatecast::hub
