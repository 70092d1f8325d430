// The simulated deployment: nodes of some shards each on one MemoryTruth, and applications that resubscribe when told
// and recover from where they were. What is true is written down as the truth takes it, never asked of a hub.
//
// Frames: S channel offset epoch outcome [offset=data …] subscribed, P channel offset epoch data, U channel: told of a
// gap. Threads: one. Test code.
#pragma once

#include <map>
#include <sstream>

#include "hub/testing.hpp"

namespace gatecast::hub::testing {

struct NodesTally {
  std::uint64_t published = 0, failed = 0, received = 0, recovered = 0, replayed = 0, unrecovered = 0, refused = 0,
                told = 0, told_of_epochs = 0, caught_up = 0, cuts = 0, takeovers = 0, emptied = 0, killed = 0,
                pushed = 0, refilled = 0;
};

class NodesForm final : public Form {
 public:
  void encode(std::string& out, const broker::Publication& p) const override {
    if (p.kind != broker::PublicationKind::message) return;
    out += frame(fmt::format("P {} {} {} {}", p.channel, p.offset, p.epoch, p.data));
  }
  void encode_delta(std::string& out, const broker::Publication& p, std::string_view) const override { encode(out, p); }
};

/// What each channel's epochs hold, and what of a former epoch each goes on with.
class Lineage {
 public:
  struct Epoch {
    std::map<std::uint64_t, std::string> data;
    std::map<std::uint64_t, std::uint64_t> former;  // up to which offset it is the same
  };
  explicit Lineage(broker::MemoryTruth& truth) : truth_(truth) {
    truth.on_taken = [this](const broker::Publication& p) {
      if (p.offset == 0) live.push_back(p.data);
      if (p.offset != 0) epochs_[p.channel][p.epoch].data[p.offset] = p.data;
    };
    truth.on_forked = [this](const std::string& channel, broker::StreamPosition until, std::uint64_t epoch) {
      auto& all = epochs_[channel];
      Epoch next = all[until.epoch];
      next.data.erase(next.data.upper_bound(until.offset), next.data.end());
      for (auto& [before, top] : next.former) top = std::min(top, until.offset);
      next.former[until.epoch] = until.offset;
      all[epoch] = std::move(next);
    };
  }
  std::vector<std::string> live;  // what no history keeps, in order
  broker::StreamPosition top(const std::string& channel) { return truth_.position(channel); }
  const Epoch& epoch(const std::string& channel, std::uint64_t epoch) { return epochs_[channel][epoch]; }
  /// Whether who stood at `since` can be said to miss nothing in `epoch`.
  bool goes_on(const std::string& channel, broker::StreamPosition since, std::uint64_t epoch) {
    if (since.epoch == epoch) return true;
    const auto& former = epochs_[channel][epoch].former;
    const auto at = former.find(since.epoch);
    return at != former.end() && since.offset <= at->second;
  }

 private:
  broker::MemoryTruth& truth_;
  std::map<std::string, std::map<std::uint64_t, Epoch>> epochs_;
};

struct NodesView {
  bool on = false, asked = false;
  std::optional<broker::StreamPosition> at{};
  std::optional<broker::StreamPosition> since{};  // as it was asked
  std::optional<std::size_t> live{};              // without a history: the last one's place
  bool hole = false;                              // alike: it has seen one, and must be told
};

struct NodesApp {
  std::unique_ptr<FakeClient> client{};
  std::size_t node = 0;
  unsigned shard = 0;
  std::size_t parsed = 0;
  std::map<std::string, NodesView> views{};
};

class NodesWorld {
 public:
  struct Options {
    std::size_t nodes;
    unsigned shards;
    std::uint64_t seed;
    Hub::Limits limits;
    OneThread::Bounds lanes;
    broker::HistoryOptions history;
    bool retained;  // nothing is ever pushed out, and no server starts again empty
  };
  static constexpr const char* kUnkept = "live";

  NodesWorld(Options options, NodesTally& tally)
      : tally_(tally), options_(options), truth_(clock_, options.seed, options.limits.streams.page), lineage_(truth_) {
    for (std::size_t i = 0; i < options.nodes; ++i) nodes.push_back(make_node());
  }
  ~NodesWorld() {
    calm();
    for (auto& app : apps) leave(app);
    for (int i = 0; i < 5; ++i) settle();
    nodes.clear();
  }

  std::vector<std::unique_ptr<OneThread>> nodes;
  std::deque<NodesApp> apps;
  broker::MemoryTruth& truth() { return truth_; }
  void note(std::string what) {
    steps_.push_back(std::move(what));
    if (steps_.size() > 60) steps_.pop_front();
  }
  std::string last_steps() const {
    std::string text;
    for (const auto& step : steps_) text += "  " + step + "\n";
    return text;
  }

  void connect(NodesApp& app, std::size_t node, unsigned shard) {
    app.client = std::make_unique<FakeClient>(FakeClient::all(), form_);
    app.node = node;
    app.shard = shard;
    app.parsed = 0;
    app.client->then_gap = [this, &app](std::string_view channel) {
      hub_of(app).unsubscribe(*app.client, channel);
      hub_of(app).send(*app.client, frame(fmt::format("U {}", channel)));
    };
  }
  void leave(NodesApp& app) {
    if (!app.client) return;
    read(app);
    enter(app);
    nodes[app.node]->forget(app.shard, *app.client);
    buried_.push_back(std::move(app.client));
    for (auto& [name, view] : app.views) view.on = view.asked = false;
  }
  void ask(NodesApp& app, const std::string& channel) {
    auto& view = app.views[channel];
    if (!app.client || view.on || view.asked) return;
    view.asked = true;
    view.since = view.at;
    const bool kept = channel != kUnkept;
    note(fmt::format("app {} asks for {} from {}", number_of(app), channel, view.at ? view.at->offset : 0));
    SubscribeOptions options{.kept = kept};
    if (kept) options.recover = view.at;
    enter(app);
    hub_of(app).subscribe(*app.client, channel, std::move(options), [this, &app, channel](Result<Subscribed> done) {
      if (!done) {
        ++tally_.refused;
        return hub_of(app).send(*app.client, frame(fmt::format("S {} 0 0 e", channel)));
      }
      std::string reply = fmt::format("S {} {} {} {}", channel, done->position.offset, done->position.epoch,
                                      done->recovered ? 'r' : 'u');
      for (const auto& p : done->publications) reply += fmt::format(" {}={}", p->offset, p->data);
      hub_of(app).send(*app.client, frame(reply));
    });
  }
  void read(NodesApp& app) {
    if (!app.client) return;
    std::vector<std::string> frames;
    EXPECT_TRUE(parse_frames(app.client->received, app.parsed, frames));
    for (const auto& text : frames) arrived(app, text);
  }

  void publish(std::size_t node, unsigned shard, const std::string& channel) {
    const std::string data = fmt::format("{}", ++last_);
    note(fmt::format("node {} publishes {} to {}", node, data, channel));
    const auto history = channel == kUnkept ? broker::HistoryOptions{} : options_.history;
    nodes[node]->publish_at(
        shard, channel, data, history, [this, channel, data](const Result<broker::StreamPosition>& p) {
          ++(p ? tally_.published : tally_.failed);
          if (!p || channel == kUnkept) return;
          EXPECT_EQ(lineage_.epoch(channel, p->epoch).data.at(p->offset), data) << "acknowledged, and not there";
        });
  }
  void push(std::size_t node, const std::string& channel) {
    auto& hub = nodes[node]->hub(nodes[node]->hub(0).home_of(channel));
    auto p = std::make_shared<broker::Publication>();
    p->channel = channel;
    p->data = fmt::format("push{}", ++last_);
    pushes_[channel][node_ids_[node]].push_back(p->data);
    ++tally_.pushed;
    nodes[node]->enter(nodes[node]->hub(0).home_of(channel));
    hub.publish_always(std::move(p), options_.history);
  }
  /// The node is gone: its applications are, and what it had not said.
  void kill(std::size_t node) {
    note(fmt::format("node {} is killed", node));
    ++tally_.killed;
    calm(node);
    for (auto& app : apps) {
      if (app.client && app.node == node) leave(app);
    }
    nodes[node]->settle();
    count(node);
    nodes[node].reset();
    nodes[node] = make_node(node);
    buried_.clear();
  }
  void tend(std::size_t node) { nodes[node]->tend(); }
  void pass(Duration time) {
    clock_.advance(time);
    for (auto& node : nodes) node->clock.advance(time);
  }
  void settle() {
    for (auto& node : nodes) node->settle();
  }
  /// Every fault ends.
  void calm() {
    for (std::size_t n = 0; n < nodes.size(); ++n) calm(n);
  }
  void calm(std::size_t node) {
    for (unsigned s = 0; s < options_.shards; ++s) {
      auto& broker = nodes[node]->broker(s);
      nodes[node]->enter(s);
      broker.mend();
      while (broker.let_answer() || broker.let_message()) continue;
      broker.hold(false);
    }
  }

  void finish() {
    calm();
    for (int round = 0; round < 80; ++round) {
      pass(std::chrono::milliseconds{100});
      for (auto& node : nodes) node->tend();
      settle();
      for (auto& app : apps) {
        read(app);
        for (auto& [channel, view] : app.views) ask(app, channel);
      }
    }
    settle();
    for (auto& app : apps) {
      read(app);
      for (const auto& [channel, view] : app.views) check_whole(app, channel, view);
    }
    if (options_.retained && tally_forks_ == 0) check_pushes();
    for (auto& app : apps) leave(app);
    for (int round = 0; round < 60; ++round) {
      settle();
      pass(std::chrono::milliseconds{100});
      for (auto& node : nodes) node->tend();
    }
    for (std::size_t n = 0; n < nodes.size(); ++n) {
      count(n);
      for (unsigned s = 0; s < options_.shards; ++s) {
        EXPECT_EQ(nodes[n]->hub(s).channel_count(), 0U) << "a channel nobody is on";
        EXPECT_EQ(nodes[n]->hub(s).shared()->homes(), 0U);
        EXPECT_EQ(nodes[n]->broker(s).listening(), 0U);
        EXPECT_EQ(nodes[n]->hub(s).shared()->pushes().waiting(), 0U);
      }
    }
  }
  void forked() { ++tally_forks_; }

 private:
  std::unique_ptr<OneThread> make_node(std::size_t at = ~std::size_t{0}) {
    const auto id = ++last_node_;
    if (at == ~std::size_t{0}) node_ids_.push_back(id);
    if (at != ~std::size_t{0}) node_ids_[at] = id;
    auto node = std::make_unique<OneThread>(options_.shards, options_.limits, options_.lanes, id, &truth_);
    node->clock.advance(clock_.steady() - node->clock.steady());
    return node;
  }
  Hub& hub_of(const NodesApp& app) { return nodes[app.node]->hub(app.shard); }
  void enter(const NodesApp& app) { nodes[app.node]->enter(app.shard); }
  std::size_t number_of(const NodesApp& app) const {
    std::size_t n = 0;
    while (&apps[n] != &app) ++n;
    return n;
  }
  void count(std::size_t node) {
    for (unsigned s = 0; s < options_.shards; ++s) {
      tally_.caught_up += nodes[node]->hub(s).shared()->stats().caught_up;
      tally_.refilled += nodes[node]->hub(s).stats().refilled;
    }
  }

  void arrived(NodesApp& app, const std::string& text) {
    std::istringstream words(text);
    std::string kind, name;
    words >> kind >> name;
    auto& view = app.views[name];
    if (kind == "S") return on_reply(name, view, words);
    EXPECT_TRUE(view.on) << "without a subscription: " << text;
    if (kind == "U") return on_told(name, view);
    broker::StreamPosition at;
    std::string data;
    words >> at.offset >> at.epoch >> data;
    ++tally_.received;
    if (name == kUnkept) return on_live(view, data);
    EXPECT_EQ(at, (broker::StreamPosition{view.at->offset + 1, view.at->epoch}))
        << "a hole, twice, or untold: " << text;
    view.at = at;
    check_data(name, at, data);
  }
  void check_data(const std::string& channel, broker::StreamPosition at, const std::string& data) {
    const auto& all = lineage_.epoch(channel, at.epoch).data;
    const auto found = all.find(at.offset);
    ASSERT_NE(found, all.end()) << channel << " " << at.offset;
    EXPECT_EQ(found->second, data) << channel << " " << at.offset;
  }
  void on_reply(const std::string& channel, NodesView& view, std::istringstream& words) {
    EXPECT_TRUE(view.asked && !view.on);
    broker::StreamPosition at;
    char outcome = '?';
    words >> at.offset >> at.epoch >> outcome;
    view.asked = false;
    view.on = outcome != 'e';
    if (!view.on) return;
    view.live.reset();
    view.hole = false;
    if (channel == kUnkept) return;
    if (view.since) {
      const bool goes_on = lineage_.goes_on(channel, *view.since, at.epoch);
      ++(outcome == 'r' ? tally_.recovered : tally_.unrecovered);
      if (outcome == 'r') EXPECT_TRUE(goes_on) << "said to have missed nothing, " << channel;
      if (outcome == 'u' && options_.retained) EXPECT_FALSE(goes_on) << "what it missed is there, " << channel;
      std::uint64_t last = view.since->offset;
      for (std::string item; words >> item;) {
        const auto equals = item.find('=');
        EXPECT_EQ(std::stoull(item.substr(0, equals)), ++last) << "a hole among what was recovered, " << channel;
        check_data(channel, {last, at.epoch}, item.substr(equals + 1));
      }
      tally_.replayed += outcome == 'r' && last > view.since->offset ? 1 : 0;
      if (outcome == 'r') EXPECT_EQ(last, at.offset) << channel;
    }
    view.at = at;
  }
  void on_told(const std::string& channel, NodesView& view) {
    ++tally_.told;
    view.on = false;
    view.hole = false;
    view.live.reset();
    if (channel == kUnkept) return;
    const bool other = lineage_.top(channel).epoch != view.at->epoch;
    tally_.told_of_epochs += other ? 1 : 0;
    if (options_.retained) EXPECT_TRUE(other) << "told, and everything is there, " << channel;
  }
  void on_live(NodesView& view, const std::string& data) {
    const auto place = static_cast<std::size_t>(std::ranges::find(lineage_.live, data) - lineage_.live.begin());
    ASSERT_LT(place, lineage_.live.size()) << "never published: " << data;
    if (view.live) {
      EXPECT_GT(place, *view.live) << "twice, or out of order";
      view.hole = view.hole || place > *view.live + 1;
    }
    view.live = place;
  }
  void check_whole(const NodesApp& app, const std::string& channel, const NodesView& view) {
    if (!app.client) return;
    EXPECT_TRUE(view.on) << number_of(app) << " is not on " << channel;
    EXPECT_FALSE(view.hole) << "app " << number_of(app) << " missed something and was not told";
    if (channel == kUnkept || !view.on) return;
    EXPECT_EQ(*view.at, lineage_.top(channel)) << "app " << number_of(app) << " misses the end of " << channel;
  }
  /// Each is there once, and those of one node in its order.
  void check_pushes() {
    for (const auto& [channel, by_node] : pushes_) {
      std::vector<std::string> there;
      for (const auto& [offset, data] : lineage_.epoch(channel, lineage_.top(channel).epoch).data)
        there.push_back(data);
      for (const auto& [id, pushed] : by_node) {
        std::vector<std::string> of_node;
        for (const auto& data : there) {
          if (std::ranges::find(pushed, data) != pushed.end()) of_node.push_back(data);
        }
        if (std::ranges::find(node_ids_, id) == node_ids_.end()) continue;  // was killed with what waited
        EXPECT_EQ(of_node, pushed) << channel;
      }
    }
  }

  NodesTally& tally_;
  const Options options_;
  ManualClock clock_;
  broker::MemoryTruth truth_;
  Lineage lineage_;
  NodesForm form_;
  std::vector<std::uint64_t> node_ids_;
  std::uint64_t last_node_ = 0;
  std::vector<std::unique_ptr<FakeClient>> buried_;
  std::deque<std::string> steps_;
  std::map<std::string, std::map<std::uint64_t, std::vector<std::string>>> pushes_;
  std::uint64_t last_ = 0;
  unsigned tally_forks_ = 0;
};

}  // namespace gatecast::hub::testing
