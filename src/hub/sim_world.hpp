// The simulated world: hubs on one thread, connections as the server keeps them, and applications that behave as the
// official clients do – they resubscribe when told of a gap, come back when cut off, and recover from where they were.
//
// Every position and every `recovered` is held against HistoryModel. What a home knew when it answered is
// learnt by looking at the moment its message leaves, never into the hub. Threads: one. Test code.
#pragma once

#include <deque>
#include <memory>

#include "hub/sim_reader.hpp"

namespace gatecast::hub::testing {

class SimWorld {
 public:
  struct Options {
    unsigned shards;
    std::uint64_t seed;
    Hub::Limits limits;
    OneThread::Bounds lanes;
    bool same_shards;  // after a restart
  };

  SimWorld(Options options, SimTally& tally)
      : model(options.limits.streams),
        tally_(tally),
        options_(options),
        reader_(model, tally,
                options.lanes.count == OneThread::Bounds{}.count && options.lanes.bytes == OneThread::Bounds{}.bytes),
        plain_(false, seen()),
        joining_(true, seen()) {
    start(options.shards, options.seed);
  }
  ~SimWorld() {
    // After a failure too: what lies in the lanes ends before the clients do.
    for (auto& app : apps) cut(app);
    for (int i = 0; i < 300; ++i) {
      for (unsigned s = 0; s < net_->shards(); ++s) net_->mail(s);
    }
  }

  HistoryModel model;
  std::deque<SimApp> apps;

  unsigned shards() const { return net_->shards(); }
  SteadyTime now() const { return net_->clock.steady(); }
  unsigned home_of(const std::string& channel) const {
    return static_cast<unsigned>(std::hash<std::string_view>{}(channel) % net_->shards());
  }

  // ---- what happens ------------------------------------------------------------------------------------------------

  void note(std::string what) {
    steps_.push_back(std::move(what));
    if (steps_.size() > 60) steps_.pop_front();
  }
  std::string last_steps() const {
    std::string text;
    for (const auto& step : steps_) text += "  " + step + "\n";
    return text;
  }

  void connect(std::size_t a, unsigned shard, FakeClient::Takes takes, bool never) {
    auto& app = apps[a];
    auto made = std::make_unique<SimConnection>(fmt::format("k{}", ++connections_), shard, a, std::move(takes), plain_,
                                                joining_);
    auto& c = *made;
    note(fmt::format("{} connects to shard {} as {}{}", app.user, shard, c.id, never ? ", and never reads" : ""));
    c.never = never;
    c.client.then_slow = [this, &c] { on_slow(c); };
    c.client.then_broken = [this, &c] {
      ++tally_.broken;
      note(fmt::format("{} breaks", c.id));
      end(c);
    };
    c.client.then_drained = [this, &c] { end(c); };
    c.client.then_gap = [this, &c](std::string_view channel) { on_gap(c, std::string(channel)); };
    app.connection = std::move(made);
    app.told_to_leave = false;
  }

  /// The application asks for a channel; `since` where that is not what it knows.
  void ask(SimApp& app, const std::string& channel, std::optional<broker::StreamPosition> since = {}) {
    auto& view = app.views[channel];
    if (!app.connection || app.told_to_leave || view.state != SimView::State::idle) return;
    const bool keeps = model.channel(channel).options.on();
    if (!since && keeps && view.has_position) since = view.at;
    view.state = SimView::State::asked;
    view.asked = since;
    view.ended = false;
    app.connection->inbox.push_back({SimCommand::Kind::subscribe, channel, since, app.sees_joins});
  }
  void ask_to_leave(SimApp& app, const std::string& channel) {
    auto& view = app.views[channel];
    if (!app.connection || view.state != SimView::State::on) return;
    view.state = SimView::State::leaving;
    app.connection->inbox.push_back({SimCommand::Kind::unsubscribe, channel});
  }
  /// The server reads one command of the connection; false where there is none to read.
  bool serve(SimConnection& c) {
    if (c.inbox.empty() || c.waiting || c.closing) return false;
    const SimCommand command = std::move(c.inbox.front());
    c.inbox.pop_front();
    if (command.kind == SimCommand::Kind::subscribe) {
      subscribe(c, command);
    } else {
      note(fmt::format("{} unsubscribes from {}", c.id, command.channel));
      hub_of(c).unsubscribe(c.client, command.channel);
      leave_seat(c, command.channel);
      send(c, "X " + command.channel);
    }
    return true;
  }
  /// The connection is gone, with whatever was on its way in both directions.
  void die(SimApp& app) {
    note(fmt::format("{} dies", app.connection->id));
    ++tally_.died;
    cut(app);
  }

  void publish(unsigned shard, const std::string& channel, std::size_t padding) {
    auto& c = model.channel(channel);
    auto carried = std::make_shared<Carried>(Carried{&c, fmt::format("{}{}", ++last_, std::string(padding, 'x'))});
    note(fmt::format("shard {} publishes {} to {}", shard, carried->data, channel));
    const std::uint64_t before = net_->hub(shard).stats().publications;
    const bool at_home = home_of(channel) == shard;
    const std::uint64_t evicted = net_->hub(shard).histories().evicted();
    if (!at_home) context_ = {.kind = Context::Kind::publishing, .carried = carried};
    if (at_home) context_ = {.kind = Context::Kind::handing, .shard = shard};
    ++publishing_;
    net_->publish_at(shard, channel, carried->data, c.options,
                     [this, carried](const Result<broker::StreamPosition>& p) {
                       --publishing_;
                       carried->answer = p;
                       if (carried->place) check_published(*carried);
                       if (!p) ++tally_.overloaded;
                     });
    context_ = {};
    if (!at_home) return;
    if (net_->hub(shard).stats().publications > before) taken(shard, carried, evicted);
  }

  void clear(const std::string& channel) {
    auto& c = model.channel(channel);
    const unsigned home = home_of(channel);
    note(fmt::format("the history of {} is cleared", channel));
    ++tally_.cleared;
    net_->clear(home, channel);
    model.clear(c);
  }

  void pass_time(Duration time) {
    net_->clock.advance(time);
    note(fmt::format("{} ms pass", std::chrono::duration_cast<std::chrono::milliseconds>(time).count()));
  }
  void tick(unsigned shard) {
    model.moment(now());
    net_->hub(shard).tick();
    const auto& histories = net_->hub(shard).histories();
    for (auto& c : model.channels) {
      if (!c.exists || home_of(c.name) != shard || histories.position(c.name).epoch == c.now().epoch) continue;
      EXPECT_TRUE(c.now().kept() == 0 && now() - c.now().at.back() >= options_.limits.streams.position_time) << c.name;
      for (auto& app : apps) {
        if (app.connection) EXPECT_FALSE(hub_of(*app.connection).subscribed(app.connection->client, c.name)) << c.name;
      }
      note(fmt::format("the record of {} is dropped", c.name));
      ++tally_.swept;
      model.begin_anew(c);
    }
  }

  bool turn(unsigned shard, std::size_t data_max) {
    note(fmt::format("shard {} has a turn, {} of its data", shard, data_max > 1000 ? "all" : std::to_string(data_max)));
    const bool more = net_->turn(shard, data_max);
    for (auto& app : apps) {
      if (!app.connection || app.connection->shard != shard) continue;
      auto& c = *app.connection;
      if (!c.closing) EXPECT_LE(c.client.queued_bytes(), options_.limits.queue_bytes) << "not told that it is slow";
    }
    buried_.clear();
    return more;
  }
  void writable(SimConnection& c) {
    if (c.client.wants_writable) hub_of(c).writable(c.client);
  }
  /// The application looks at what has come.
  void read(SimApp& app) {
    if (!app.connection) return;
    auto& c = *app.connection;
    std::vector<std::string> frames;
    EXPECT_TRUE(parse_frames(c.client.received, c.parsed, frames))
        << "malformed: " << c.client.received.substr(c.parsed, 80);
    for (const auto& text : frames) reader_.arrived(app, text);
  }

  /// All shards end and begin again, with what they saved or without it.
  void restart(unsigned shards, std::uint64_t seed, bool crash, Duration away) {
    if (options_.same_shards) shards = net_->shards();
    note(fmt::format("the server {} and starts with {} shards", crash ? "crashes" : "stops", shards));
    ++(crash ? tally_.crashes : tally_.restarts);
    for (auto& app : apps) cut(app);
    net_->settle();
    buried_.clear();
    count_refilled();
    std::vector<std::string> saved;
    for (unsigned s = 0; s < net_->shards(); ++s) {
      check_empty(s);
      saved.push_back(net_->hub(s).save_streams());
    }
    const SteadyTime then = net_->clock.steady();
    start(shards, seed);
    net_->clock.advance(then - net_->clock.steady() + away);
    stands_.clear();
    if (crash) return model.crash();
    for (unsigned s = 0; s < shards; ++s) {
      for (const auto& bytes : saved) EXPECT_TRUE(net_->hub(s).load_streams(bytes));
      EXPECT_EQ(net_->hub(s).histories().evicted(), 0U);
    }
  }

  void check_bounds() {
    for (unsigned s = 0; s < net_->shards(); ++s) {
      const auto& hub = net_->hub(s);
      const auto& limits = options_.limits;
      EXPECT_LE(hub.log_bytes(), limits.log_bytes_shard);
      EXPECT_LE(hub.histories().count(), limits.streams.streams);
      // The newest publication of all stays, whatever it weighs.
      if (hub.histories().bytes() > limits.streams.bytes) EXPECT_EQ(kept_at(s), 1U);
      EXPECT_LE(hub.present().entries(), limits.presence_entries);
    }
  }

  /// Everything comes to rest, everyone alive has everything, and nothing is left when they are gone.
  void finish() {
    for (int round = 0; !at_rest(); ++round) {
      ASSERT_LT(round, 3000) << "it does not come to rest";
      if (::testing::Test::HasFailure()) return;
    }
    note("everything is at rest");
    EXPECT_EQ(publishing_, 0) << "a publisher got no answer";
    for (auto& app : apps) check_complete(app);
    check_presence();
    for (auto& app : apps) cut(app);
    net_->settle();
    buried_.clear();
    for (unsigned s = 0; s < net_->shards(); ++s) check_empty(s);
    count_refilled();
    tally_.dropped += model.dropped;
    tally_.removed += model.removed;
  }

 private:
  struct Carried {
    HistoryModel::Channel* channel;
    std::string data;
    std::optional<std::size_t> place{};  // offset, or the number taken
    std::size_t generation = 0;
    std::optional<Result<broker::StreamPosition>> answer{};
  };
  /// What is under way, so that what is sent meanwhile can be told apart.
  struct Context {
    enum class Kind : std::uint8_t { none, publishing, handing, control, answer } kind = Kind::none;
    unsigned shard = 0;
    std::shared_ptr<Carried> carried{};
    std::shared_ptr<const HistoryModel::Moment> moment{};
  };
  Hub& hub_of(const SimConnection& c) { return net_->hub(c.shard); }

  void start(unsigned shards, std::uint64_t seed) {
    net_ = std::make_unique<OneThread>(shards, options_.limits, options_.lanes, seed);
    net_->wrap_data = [this](unsigned to, Loop::Fn fn) { return wrap_data(to, std::move(fn)); };
    net_->wrap_control = [this](unsigned to, Loop::Fn fn) -> Loop::Fn {
      return [this, to, fn = std::move(fn)]() mutable {
        context_ = {.kind = Context::Kind::control, .shard = to};
        fn();
        context_ = {};
      };
    };
  }

  Loop::Fn wrap_data(unsigned to, Loop::Fn fn) {
    Context inner{.kind = Context::Kind::handing, .shard = to};
    if (context_.kind == Context::Kind::publishing) {
      return [this, to, inner, carried = context_.carried, fn = std::move(fn)]() mutable {
        const std::uint64_t evicted = net_->hub(to).histories().evicted();
        context_ = inner;
        fn();
        context_ = {};
        taken(to, carried, evicted);
      };
    }
    if (context_.kind == Context::Kind::control) {
      inner.kind = Context::Kind::answer;
      inner.moment = std::make_shared<const HistoryModel::Moment>(model.moment(now()));
    }
    return [this, inner = std::move(inner), fn = std::move(fn)]() mutable {
      context_ = inner;
      fn();
      context_ = {};
    };
  }

  /// The home has taken it.
  void taken(unsigned home, const std::shared_ptr<Carried>& carried, std::uint64_t evicted_before) {
    ++tally_.publications;
    auto& c = *carried->channel;
    model.take(c, carried->data, now(), net_->hub(home).histories().evicted() - evicted_before,
               [&](const HistoryModel::Channel& other) { return home_of(other.name) == home; });
    carried->place = c.options.on() ? c.now().top() : c.live.size();
    carried->generation = c.generations.size() - 1;
    if (c.options.on()) model.learn(c, carried->generation, net_->hub(home).histories().position(c.name).epoch);
    if (carried->answer) check_published(*carried);
  }
  void check_published(const Carried& carried) {
    auto& c = *carried.channel;
    ASSERT_TRUE(carried.answer->has_value()) << "refused and taken";
    const broker::StreamPosition position = **carried.answer;
    EXPECT_EQ(position.offset, c.options.on() ? *carried.place : 0U);
    if (c.options.on()) model.learn(c, carried.generation, position.epoch);
  }

  SimForm::Handed seen() {
    // Whichever shard hands something out stands there.
    return [this](const broker::Publication& p) {
      if (p.offset != 0) stands_[{acting(), p.channel}] = {p.offset, p.epoch};
    };
  }
  unsigned acting() const { return context_.shard; }

  // ---- the server's side -------------------------------------------------------------------------------------------

  void send(SimConnection& c, const std::string& text) { hub_of(c).send(c.client, frame(text)); }

  void subscribe(SimConnection& c, const SimCommand& command) {
    auto& channel = model.channel(command.channel);
    note(fmt::format("{} subscribes to {}{}", c.id, command.channel,
                     command.since ? fmt::format(" from {}", command.since->offset) : std::string()));
    SubscribeOptions options{.joins = channel.joins && command.joins, .newest_only = channel.newest_only};
    if (channel.options.on()) options.recover = command.since;
    c.waiting = true;
    hub_of(c).subscribe(c.client, command.channel, std::move(options),
                        [this, &c, command](Result<Subscribed> done) { subscribed(c, command, std::move(done)); });
  }

  void subscribed(SimConnection& c, const SimCommand& command, Result<Subscribed> done) {
    EXPECT_FALSE(c.client.gone || c.closing) << "told after it left";
    EXPECT_TRUE(c.waiting) << "told twice";
    c.waiting = false;
    auto& channel = model.channel(command.channel);
    if (!done) {
      EXPECT_EQ(done.error().code, Errc::overloaded);
      ++tally_.refused;
      return send(c, fmt::format("S {} 0 0 e 0", command.channel));
    }
    ++tally_.subscribed;
    std::string reply = fmt::format("S {} {} {} {} {}", command.channel, done->position.offset, done->position.epoch,
                                    !command.since    ? 'n'
                                    : done->recovered ? 'r'
                                                      : 'u',
                                    channel.live.size());
    if (channel.options.on()) {
      check_subscribed(c, channel, command, *done);
      stands_[{c.shard, channel.name}] = done->position;
    }
    for (const auto& p : done->publications) reply += fmt::format(" {}={}", p->offset, p->data);
    send(c, reply);
    if (!channel.joins) return;
    auto who = std::make_shared<const broker::ClientInfo>(broker::ClientInfo{apps[c.app].user, c.id});
    c.seats[channel.name] = who;
    hub_of(c).enter(channel.name, who, true, true);
  }

  void check_subscribed(const SimConnection& c, HistoryModel::Channel& channel, const SimCommand& command,
                        const Subscribed& done) {
    const bool answered = context_.kind == Context::Kind::answer;
    const auto moment = answered ? *context_.moment : model.moment(now());
    const auto& seen = moment[model.index(channel.name)];
    if (!command.since) {
      EXPECT_TRUE(done.publications.empty());
      EXPECT_FALSE(done.recovered);
      if (!answered) return check_standing(channel, done.position);
      EXPECT_EQ(done.position.offset, seen.top) << "not where the home stood, " << channel.name;
      return model.learn(channel, seen.generation, done.position.epoch);
    }
    EXPECT_TRUE(answered || home_of(channel.name) == c.shard) << "recovered without its home";
    EXPECT_EQ(done.position.offset, seen.top) << "not where the home stood, " << channel.name;
    model.learn(channel, seen.generation, done.position.epoch);
    const bool due = model.reaches(channel, seen, *command.since, true);
    EXPECT_EQ(done.recovered, due) << channel.name << ": from " << command.since->offset << ", kept is " << seen.first
                                   << " to " << seen.top;
    count(channel, seen, *command.since, done);
    if (!done.recovered) EXPECT_TRUE(done.publications.empty());
  }
  /// A subscription that its shard answers by itself begins where that stands: somewhere the home once was.
  void check_standing(HistoryModel::Channel& channel, const broker::StreamPosition& position) {
    if (model.by_epoch(channel, position.epoch) == nullptr)
      model.learn(channel, channel.generations.size() - 1, position.epoch);
    EXPECT_LE(position.offset, model.by_epoch(channel, position.epoch)->top());
  }
  void count(const HistoryModel::Channel& channel, const HistoryModel::Seen& seen, const broker::StreamPosition& since,
             const Subscribed& done) {
    if (done.recovered) {
      ++tally_.recovered;
      ++(done.publications.empty() ? tally_.up_to_date : tally_.replayed);
      if (channel.newest_only && !done.publications.empty()) ++tally_.newest;
      return;
    }
    ++tally_.unrecovered;
    if (since.epoch != broker::kAnyEpoch && since.epoch != done.position.epoch) {
      ++tally_.other_epoch;
    } else if (since.offset > seen.top) {
      ++tally_.impossible;
    } else {
      ++(since.offset + 1 < seen.first ? tally_.too_old : tally_.over_bounds);
    }
  }

  void leave_seat(SimConnection& c, const std::string& channel) {
    const auto seat = c.seats.find(channel);
    if (seat == c.seats.end()) return;
    hub_of(c).leave(channel, seat->second, true, true);
    c.seats.erase(seat);
  }
  void leave_all(SimConnection& c) {
    while (!c.seats.empty()) leave_seat(c, std::string(c.seats.begin()->first));
  }

  void on_gap(SimConnection& c, const std::string& name) {
    ++tally_.gaps;
    note(fmt::format("{} is told of a gap in {}", c.id, name));
    auto& channel = model.channel(name);
    if (channel.options.on() && context_.moment == nullptr) {
      ADD_FAILURE() << "told of a gap before the home was asked, " << name;
    } else if (channel.options.on()) {
      const auto& seen = (*context_.moment)[model.index(name)];
      const auto& stand = stands_.at({c.shard, name});
      EXPECT_FALSE(model.reaches(channel, seen, stand, false))
          << "told of a gap that the history fills, " << name << ": from " << stand.offset << ", kept is " << seen.first
          << " to " << seen.top;
    }
    if (c.closing) return;
    if (apps[c.app].personal == name) {
      ++tally_.personal;
      return close(c, true);
    }
    EXPECT_TRUE(hub_of(c).unsubscribe(c.client, name)) << "told of a channel it is not on";
    leave_seat(c, name);
    send(c, "U " + name);
  }
  void close(SimConnection& c, bool keep) {
    hub_of(c).mute(c.client, keep);
    if (!keep) hub_of(c).drop_queue(c.client);
    c.closing = true;
    c.waiting = false;
    leave_all(c);
    send(c, "D");
  }
  void on_slow(SimConnection& c) {
    ++tally_.slow;
    note(fmt::format("{} is slow", c.id));
    if (c.closing) return end(c);
    EXPECT_GT(c.client.writes, 0U) << "slow, and nobody wrote to it";
    close(c, false);
  }
  /// The connection is over; what has come out of the socket the application still sees.
  void end(SimConnection& c) {
    auto& app = apps[c.app];
    read(app);
    cut(app);
  }
  void cut(SimApp& app) {
    if (!app.connection) return;
    auto& c = *app.connection;
    net_->forget(c.shard, c.client);
    leave_all(c);
    for (auto& [channel, view] : app.views) {
      view.state = SimView::State::idle;
      view.live.reset();
      view.present.clear();
    }
    buried_.push_back(std::move(app.connection));
  }

  // ---- the end -----------------------------------------------------------------------------------------------------

  bool at_rest() {
    bool more = false;
    for (unsigned s = 0; s < net_->shards(); ++s) more = turn(s, ~std::size_t{0}) || more;
    for (auto& app : apps) {
      if (!app.connection) continue;
      read(app);
      for (auto& [channel, view] : app.views) {
        if (view.wanted && view.state == SimView::State::idle && !app.told_to_leave) {
          ask(app, channel);
          more = true;
        }
      }
      more = serve(*app.connection) || more;
      auto& c = *app.connection;
      if (!c.client.wants_writable || c.never) continue;
      c.client.takes = FakeClient::all();
      writable(c);
      more = true;
    }
    for (unsigned s = 0; s < net_->shards(); ++s) more = net_->has_mail(s) || more;
    return !more;
  }

  void check_complete(SimApp& app) {
    if (!app.connection || app.connection->client.wants_writable) return;
    EXPECT_FALSE(app.connection->closing) << "closed and never drained";
    EXPECT_FALSE(app.connection->waiting) << "the home has not answered";
    EXPECT_EQ(app.connection->parsed, app.connection->client.received.size()) << "a frame is incomplete";
    for (auto& [name, view] : app.views) {
      if (!view.wanted) continue;
      EXPECT_EQ(view.state, SimView::State::on) << app.user << " on " << name;
      const auto& channel = model.channel(name);
      if (!channel.options.on()) {
        if (view.live || view.taken_at_reply != channel.live.size()) EXPECT_EQ(view.live, channel.live.size()) << name;
        continue;
      }
      const auto* g = model.by_epoch(channel, view.at.epoch);
      ASSERT_NE(g, nullptr) << name;
      EXPECT_EQ(view.at.offset, g->top()) << app.user << " misses the end of " << name;
      // A history that was dropped is only noticed by what is published after.
      if (g != &channel.now()) EXPECT_EQ(channel.now().top(), 0U) << app.user << " stays in an old epoch of " << name;
    }
  }

  void check_presence() {
    std::map<std::string, std::map<std::string, std::string>> due;
    for (const auto& app : apps) {
      if (!app.connection) continue;
      for (const auto& [channel, seat] : app.connection->seats) due[channel][app.connection->id] = app.user;
    }
    for (unsigned s = 0; s < net_->shards(); ++s) tally_.left_out += net_->hub(s).present().left_out();
    for (const auto& channel : model.channels) {
      const auto& home = net_->hub(home_of(channel.name)).present();
      std::map<std::string, std::string> there;
      for (const auto& who : home.clients(channel.name, 1000)) there[who->client] = who->user;
      if (home.left_out() == 0) {
        EXPECT_EQ(there, due[channel.name]) << channel.name;
        continue;
      }
      for (const auto& who : there) EXPECT_TRUE(due[channel.name].contains(who.first)) << who.first << " is gone";
    }
  }

  std::uint64_t kept_at(unsigned shard) const {
    std::uint64_t sum = 0;
    for (const auto& c : model.channels) sum += home_of(c.name) == shard ? c.now().kept() : 0;
    return sum;
  }
  void count_refilled() {
    for (unsigned s = 0; s < net_->shards(); ++s) tally_.refilled += net_->hub(s).stats().refilled;
  }
  void check_empty(unsigned s) {
    auto& hub = net_->hub(s);
    EXPECT_EQ(hub.subscription_count(), 0U);
    EXPECT_EQ(hub.channel_count(), 0U) << "a channel nobody is on";
    EXPECT_EQ(hub.home_count(), 0U);
    EXPECT_EQ(hub.log_bytes(), 0U);
    EXPECT_EQ(hub.present().entries(), 0U);
    EXPECT_TRUE(hub.may_take_data());
  }

  SimTally& tally_;
  const Options options_;
  SimReader reader_;
  SimForm plain_, joining_;
  std::unique_ptr<OneThread> net_;
  Context context_;
  std::map<std::pair<unsigned, std::string>, broker::StreamPosition> stands_;
  std::vector<std::unique_ptr<SimConnection>> buried_;
  std::deque<std::string> steps_;
  std::uint64_t last_ = 0;
  std::uint64_t connections_ = 0;
  int publishing_ = 0;
};

}  // namespace gatecast::hub::testing
