// Delivery, recovery and presence through everything that may happen on the way: slow, torn and dead sockets, full
// lanes, mail that comes late, histories that end by size, time, bound, clearing, restart and crash, in an order that a
// seed decides, against the model of sim_model.hpp.
//
// GATECAST_SEED=n replays one seed and tells its last steps where it fails; GATECAST_SEEDS=n runs that many.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <random>

#include "hub/sim_world.hpp"

namespace gatecast::hub {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeClient;
using testing::SimApp;
using testing::SimTally;
using testing::SimView;
using testing::SimWorld;

class Simulation {
 public:
  Simulation(std::uint64_t seed, SimTally& tally) : random_(seed) {
    // What ends histories: their own size, and in each story one thing more.
    enum Ending : unsigned { time, bytes, records, size_alone };
    const unsigned ending = static_cast<unsigned>(seed / 4 % 4);
    broker::Streams::Limits streams;
    streams.page = static_cast<std::uint32_t>(pick({12, 60, 300}));
    streams.recovered_bytes = pick<std::size_t>({400, 2000, 1u << 18});
    if (ending == bytes) streams.bytes = 4000 + below(12'000);
    if (ending == records) streams.streams = 2 + below(4);
    if (ending == time) streams.position_time = seconds(5);

    const std::size_t queue = pick<std::size_t>({400, 1500, 6000});
    Hub::Limits limits{.queue_bytes = queue, .turn_clients = pick<unsigned>({2, 5, 512}), .streams = streams};
    if (chance(20)) limits.log_bytes_channel = queue * 2;
    if (chance(30)) limits.log_bytes_shard = queue * pick<std::size_t>({1, 2, 6});
    if (chance(20)) limits.presence_entries = 1 + below(4);
    OneThread::Bounds lanes;
    if (chance(60)) lanes.count = 2 + below(12);
    if (chance(20)) {
      // A subscription's answer must fit.
      lanes.bytes = 2000 + below(4000);
      limits.refill_bytes = 300;
      limits.streams.page = 12;
      limits.streams.recovered_bytes = 400;
    }
    world_ = std::make_unique<SimWorld>(SimWorld::Options{.shards = static_cast<unsigned>(1 + seed % 4),
                                                          .seed = seed,
                                                          .limits = limits,
                                                          .lanes = lanes,
                                                          .same_shards = ending == bytes || ending == records},
                                        tally);
    make_channels(seed, ending == time);
    const std::size_t apps = pick<std::size_t>({3, 8, 16});
    for (std::size_t i = 0; i < apps; ++i) make_app(i);
  }

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      step();
      world_->check_bounds();
    }
    if (::testing::Test::HasFailure()) return;
    for (std::size_t i = 0; i < world_->apps.size(); ++i) {
      if (chance(80) && !world_->apps[i].connection) connect(i);
    }
    world_->finish();
  }
  std::string last_steps() const { return world_->last_steps(); }

 private:
  using OneThread = testing::OneThread;

  std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }
  bool chance(unsigned percent) { return below(100) < percent; }
  template <class T>
  T pick(std::initializer_list<T> of) {
    return *(of.begin() + below(of.size()));
  }
  unsigned shard() { return static_cast<unsigned>(below(world_->shards())); }
  /// Nobody subscribes to the last one, and little is published to it.
  const std::string& channel() { return world_->model.channels[below(6)].name; }

  void make_channels(std::uint64_t seed, bool ends_by_time) {
    for (unsigned i = 0; i < 7; ++i) {
      testing::HistoryModel::Channel c{.name = fmt::format("{}{}", "abcdefg"[i], seed)};
      const auto time = ends_by_time ? seconds(2 + below(30)) : seconds(1'000'000);
      if (i != 5) c.options = {.size = static_cast<std::uint32_t>(pick({3, 12, 60, 200})), .time = time};
      c.newest_only = i == 4;
      c.joins = i == 2 || i == 5;
      world_->model.channels.push_back(std::move(c));
    }
  }

  void make_app(std::size_t i) {
    auto& app = world_->apps.emplace_back();
    app.user = fmt::format("user{}", i / 2);
    app.sees_joins = chance(40);
    for (std::size_t n = 0; n < 3; ++n) app.views[channel()];
    if (i % 3 == 0) app.personal = app.views.begin()->first;
    connect(i);
  }

  FakeClient::Takes socket(std::size_t kind) {
    if (kind < kNever) return FakeClient::until(below(300));
    if (kind < 12) return FakeClient::at_most(1);
    if (kind < 22) {
      return [left = below(900)](std::size_t offered) mutable {
        if (offered > left) return FakeClient::kBroken;
        left -= offered;
        return offered;
      };
    }
    if (kind < 65) return FakeClient::all();
    return [this](std::size_t offered) { return chance(30) ? offered : below(std::min<std::size_t>(offered, 90) + 1); };
  }
  void connect(std::size_t i) {
    const auto kind = below(100);
    // Half of all on one shard, so that logs come to be.
    world_->connect(i, chance(50) ? 0 : shard(), socket(kind), kind < kNever);
    for (const auto& [name, view] : world_->apps[i].views) {
      if (view.wanted) ask(world_->apps[i], name);
    }
    while (chance(60) && world_->serve(*world_->apps[i].connection)) continue;
  }

  void ask(SimApp& app, const std::string& name) {
    const auto& view = app.views[name];
    std::optional<broker::StreamPosition> since;
    // Some say what cannot be, or do not know their epoch.
    if (view.has_position && chance(6)) since = broker::StreamPosition{view.at.offset + below(4), view.at.epoch};
    if (chance(4)) since = broker::StreamPosition{view.at.offset, broker::kAnyEpoch};
    if (chance(2)) since = broker::StreamPosition{view.at.offset, broker::kNoEpoch};
    if (since && !world_->model.channel(name).options.on()) since.reset();
    world_->ask(app, name, since);
  }

  void step() {
    const auto what = below(1000);
    if (what < 300) return publish();
    if (what < 520) return static_cast<void>(world_->turn(shard(), chance(30) ? below(4) : ~std::size_t{0}));
    if (what < 540) return world_->pass_time(milliseconds(below(chance(20) ? 15'000 : 2000)));
    if (what < 553) return world_->tick(shard());
    if (what < 556) return world_->clear(channel());
    if (what < 558) {
      const bool crash = chance(30);
      return world_->restart(static_cast<unsigned>(1 + below(4)), random_(), crash, seconds(below(5)));
    }
    const std::size_t i = below(world_->apps.size());
    auto& app = world_->apps[i];
    if (!app.connection) return connect(i);
    auto& c = *app.connection;
    if (what < 660) {
      while (world_->serve(c) && chance(70)) continue;
      return;
    }
    if (what < 770) return c.never ? void() : world_->writable(c);
    if (what < 880) return world_->read(app);
    if (what < 910) return world_->die(app);
    auto& [name, view] = *std::next(app.views.begin(), static_cast<std::ptrdiff_t>(below(app.views.size())));
    if (what < 940) {
      view.wanted = view.state != SimView::State::on;
      return world_->ask_to_leave(app, name);
    }
    // Told of a gap, refused, or wanted again.
    if (view.wanted || chance(30)) {
      view.wanted = true;
      ask(app, name);
    }
  }

  void publish() {
    const auto& name = world_->model.channels[chance(97) ? below(6) : 6].name;
    for (std::size_t i = 1 + below(3); i-- > 0;) world_->publish(shard(), name, below(60));
  }

  static constexpr std::size_t kNever = 4;  // in a hundred

  std::mt19937_64 random_;
  std::unique_ptr<SimWorld> world_;
};

void print(const SimTally& t, std::uint64_t seeds) {
  const auto n = [](std::uint64_t v) { return static_cast<unsigned long long>(v); };
  std::printf("%llu seeds: %llu published, %llu received, %llu subscribed, %llu refused, %llu overloaded\n", n(seeds),
              n(t.publications), n(t.received), n(t.subscribed), n(t.refused), n(t.overloaded));
  std::printf("  %llu recovered (%llu had missed something, %llu the newest alone)\n", n(t.recovered), n(t.replayed),
              n(t.newest));
  std::printf("  %llu could not: %llu another epoch, %llu too old, %llu over a bound, %llu impossible\n",
              n(t.unrecovered), n(t.other_epoch), n(t.too_old), n(t.over_bounds), n(t.impossible));
  std::printf("  %llu told of a gap (%llu connect anew), %llu fetched again, %llu joins and leaves seen\n", n(t.gaps),
              n(t.personal), n(t.refilled), n(t.joins));
  std::printf("  %llu slow, %llu broken, %llu died; %llu restarts, %llu crashes, %llu cleared\n", n(t.slow),
              n(t.broken), n(t.died), n(t.restarts), n(t.crashes), n(t.cleared));
  std::printf("  %llu records dropped, %llu swept, %llu publications removed by bytes, %llu left out of presence\n",
              n(t.dropped), n(t.swept), n(t.removed), n(t.left_out));
}

TEST(SimulationStories, EveryoneGetsEverythingOnceOrIsTold) {
  std::uint64_t first = 1, count = 300;
  if (const char* n = std::getenv("GATECAST_SEEDS")) count = std::strtoull(n, nullptr, 10);
  if (const char* n = std::getenv("GATECAST_SEED")) {
    first = std::strtoull(n, nullptr, 10);
    count = 1;
  }
  SimTally t;
  for (auto seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(fmt::format("GATECAST_SEED={}", seed));
    Simulation story(seed, t);
    story.run(500);
    if (HasFailure()) FAIL() << "the last steps:\n" << story.last_steps() << "replay: GATECAST_SEED=" << seed;
  }
  print(t, count);
  if (count < 200) return;
  // A story in which nothing happens proves nothing: every way must have been gone often enough.
  const auto often = [&](const char* what, std::uint64_t times, std::uint64_t in_a_hundred_seeds) {
    EXPECT_GE(times * 100, count * in_a_hundred_seeds) << what;
  };
  EXPECT_GE(t.recovered * 100, (t.recovered + t.unrecovered) * 30);
  EXPECT_GE(t.unrecovered * 100, (t.recovered + t.unrecovered) * 30);
  often("nothing was missed", t.up_to_date, 50);
  often("what was missed came", t.replayed, 200);
  often("the newest alone", t.newest, 80);
  often("another epoch", t.other_epoch, 150);
  often("too old", t.too_old, 200);
  often("over a bound", t.over_bounds, 30);
  often("a position that cannot be", t.impossible, 5);
  often("told of a gap", t.gaps, 100);
  often("connected anew for a gap", t.personal, 20);
  often("fetched again after a full lane", t.refilled, 200);
  often("joins and leaves", t.joins, 500);
  often("slow", t.slow, 60);
  often("broken", t.broken, 40);
  often("died", t.died, 400);
  often("refused by a full lane", t.refused, 50);
  often("publications refused", t.overloaded, 500);
  often("restarts", t.restarts, 25);
  often("crashes", t.crashes, 8);
  often("cleared", t.cleared, 50);
  often("records over their bound", t.dropped, 80);
  often("records past their time", t.swept, 2);
  often("publications over the bytes", t.removed, 800);
  often("left out of presence", t.left_out, 20);
}

}  // namespace
}  // namespace gatecast::hub
