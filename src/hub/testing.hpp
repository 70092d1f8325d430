// For this layer's tests: a form whose frames can be read back, a client with a simulated socket, and the hubs of some
// shards on one thread.
//
// Lanes are queues that `turn` drains as net's mailbox does: what is there is taken out first, then control runs, then
// data; so a control message never comes after data that was sent later. Threads: one. Nothing waits or sleeps.
#pragma once

#include <gtest/gtest.h>

#include "broker/memory_broker.hpp"
#include "hub/hub.hpp"

namespace gatecast::hub::testing {

/// `<length>:<text>\n`, so that a frame cut or mixed with another does not parse.
inline std::string frame(std::string_view text) { return fmt::format("{}:{}\n", text.size(), text); }

/// Takes complete frames off the front of `bytes` from `at` on; false where they are malformed.
inline bool parse_frames(std::string_view bytes, std::size_t& at, std::vector<std::string>& out) {
  for (;;) {
    std::size_t size = 0;
    std::size_t i = at;
    for (; i < bytes.size() && bytes[i] != ':'; ++i) {
      if (bytes[i] < '0' || bytes[i] > '9' || i - at > 7) return false;
      size = size * 10 + static_cast<std::size_t>(bytes[i] - '0');
    }
    if (i == bytes.size()) return true;
    if (i == at) return false;
    if (bytes.size() < i + size + 2) return true;
    if (bytes[i + 1 + size] != '\n') return false;
    out.emplace_back(bytes.substr(i + 1, size));
    at = i + size + 2;
  }
}

class LineForm final : public Form {
 public:
  explicit LineForm(char tag) : tag_(tag) {}
  void encode(std::string& out, const broker::Publication& p) const override {
    ++encoded;
    out += frame(fmt::format("{} {} {}", tag_, p.channel, p.data));
  }
  void encode_delta(std::string& out, const broker::Publication& p, std::string_view delta) const override {
    ++encoded;
    out += frame(fmt::format("{} {} {} {}", tag_, p.channel, delta.empty() ? "whole" : "delta",
                             delta.empty() ? std::string_view(p.data) : delta));
  }
  mutable std::size_t encoded = 0;

 private:
  char tag_;
};

inline const LineForm& plain_form() {
  static const LineForm form('P');
  return form;
}
inline const LineForm& other_form() {
  static const LineForm form('Q');
  return form;
}

/// A client whose socket takes what `takes` says of the bytes offered (npos as answer: the connection is broken).
class FakeClient final : public Client {
 public:
  static constexpr std::size_t kBroken = ~std::size_t{0};
  using Takes = std::function<std::size_t(std::size_t offered)>;

  static Takes all() {
    return [](std::size_t offered) { return offered; };
  }
  static Takes at_most(std::size_t n) {
    return [n](std::size_t offered) { return std::min(n, offered); };
  }
  static Takes never() { return at_most(0); }
  /// Takes `n` bytes in all, then none until `takes` is set anew.
  static Takes until(std::size_t n) {
    return [left = n](std::size_t offered) mutable {
      const auto now = std::min(left, offered);
      left -= now;
      return now;
    };
  }
  static Takes broken() {
    return [](std::size_t) { return kBroken; };
  }

  /// `joining`: the form on channels where it sees who comes and goes, where that is another one.
  explicit FakeClient(Takes t = all(), const Form& f = plain_form(), const Form* joining = nullptr)
      : takes(std::move(t)), form_(f), joining_(joining == nullptr ? f : *joining) {}

  std::vector<std::string> frames() const {
    std::vector<std::string> out;
    std::size_t at = 0;
    EXPECT_TRUE(parse_frames(received, at, out)) << received.substr(at, 80);
    EXPECT_EQ(at, received.size()) << "a frame is incomplete";
    return out;
  }

  Takes takes;
  std::string received;
  std::size_t keeps = 0;  // of what it takes the last bytes leave at the next write only, as by TLS
  bool wants_writable = false;
  bool gone = false;  // the hub was told to forget it
  std::size_t writes = 0;
  int slow = 0;
  int broken_told = 0;
  int drained = 0;
  std::vector<std::string> gaps;
  std::function<void()> then_slow;
  std::function<void()> then_broken;
  std::function<void()> then_drained;
  std::function<void(std::string_view)> then_gap;
  std::function<void()> then_written;

 private:
  std::ptrdiff_t write(const iovec* parts, std::size_t count) override {
    EXPECT_FALSE(gone) << "written to after it was forgotten";
    EXPECT_FALSE(wants_writable) << "written to while its socket is full";
    EXPECT_TRUE(count > 0 || unsent_);
    ++writes;
    received += std::exchange(kept_, {});
    std::size_t offered = 0;
    for (std::size_t i = 0; i < count; ++i) offered += parts[i].iov_len;
    const auto take = takes(offered);
    if (take == kBroken) return -2;
    std::size_t left = take;
    for (std::size_t i = 0; left > 0; ++i) {
      const auto n = std::min(left, parts[i].iov_len);
      received.append(static_cast<const char*>(parts[i].iov_base), n);
      left -= n;
    }
    if (const auto keeping = std::min(keeps, take); keeping > 0) {
      kept_ = received.substr(received.size() - keeping);
      received.resize(received.size() - keeping);
    }
    unsent_ = !kept_.empty();
    if (then_written) then_written();
    return static_cast<std::ptrdiff_t>(take);
  }
  void want_writable(bool on) override {
    EXPECT_NE(wants_writable, on) << "readiness asked for twice";
    wants_writable = on;
  }
  void on_slow() override {
    ++slow;
    if (then_slow) then_slow();
  }
  void on_broken() override {
    ++broken_told;
    if (then_broken) then_broken();
  }
  void on_drained() override {
    ++drained;
    if (then_drained) then_drained();
  }
  void on_gap(std::string_view channel) override {
    gaps.emplace_back(channel);
    if (then_gap) then_gap(channel);
  }
  const Form& form(bool joins) const override { return joins ? joining_ : form_; }

  const Form& form_;
  const Form& joining_;
  std::string kept_;
};

/// What a coroutine of these tests waits on: posts run in the shard's turn.
class QueueLoop final : public Loop {
 public:
  ~QueueLoop() override { set_current(nullptr); }
  void enter() { set_current(this); }
  void post(Fn fn) override { posted_.push_back(std::move(fn)); }
  TimerId after(Duration, Fn) override { std::abort(); }
  void cancel(TimerId) override {}
  SteadyTime now() const override { return {}; }
  bool idle() const { return posted_.empty(); }
  void run() {
    auto batch = std::exchange(posted_, {});
    for (auto& fn : batch) fn();
  }

 private:
  std::deque<Fn> posted_;
};

class OneThread {
 public:
  struct Bounds {
    std::size_t count = 1 << 16;
    std::size_t bytes = 64u << 20;
  };
  /// `truth`: what several of these share, each a node; null: its channels are its own.
  OneThread(unsigned shards, Hub::Limits limits, Bounds bounds, std::uint64_t seed = 0,
            broker::MemoryTruth* truth = nullptr)
      : bounds_(bounds), lanes_(shards) {
    for (unsigned i = 0; i < shards; ++i) loops_.push_back(std::make_unique<QueueLoop>());
    for (unsigned i = 0; i < shards && truth != nullptr; ++i) {
      brokers_.push_back(std::make_unique<broker::MemoryBroker>(*truth, *loops_[i]));
    }
    mesh_.post_control = [this](unsigned to, Loop::Fn fn) {
      lanes_[to].control.push_back(wrap_control ? wrap_control(to, std::move(fn)) : std::move(fn));
    };
    mesh_.post_data = [this](unsigned to, std::size_t bytes, Loop::Fn fn) {
      auto& lane = lanes_[to];
      if (lane.data.size() >= bounds_.count || lane.data_bytes + bytes > bounds_.bytes) return false;
      lane.data_bytes += bytes;
      lane.data.push_back(wrap_data ? wrap_data(to, std::move(fn)) : std::move(fn));
      return true;
    };
    for (unsigned i = 0; i < shards; ++i) {
      auto* broker = truth == nullptr ? nullptr : brokers_[i].get();
      hubs_.push_back(std::make_unique<Hub>(i, mesh_, limits, clock, seed, broker));
    }
    for (auto& h : hubs_) {
      h->bind();
      mesh_.hubs.push_back(h.get());
      h->start_shared();
    }
  }

  unsigned shards() const { return static_cast<unsigned>(hubs_.size()); }
  Hub& hub(unsigned shard = 0) { return *hubs_[shard]; }
  broker::MemoryBroker& broker(unsigned shard = 0) { return *brokers_[shard]; }
  /// What follows is done on that shard.
  void enter(unsigned shard) { loops_[shard]->enter(); }
  void tend() {
    for (unsigned i = 0; i < shards(); ++i) {
      enter(i);
      hub(i).tend();
    }
  }

  /// A shard's turn: mail as far as it may be taken, then the sending; returns whether something is left.
  bool turn(unsigned shard, std::size_t data_max = ~std::size_t{0}) {
    mail(shard, data_max);
    const bool more = hub(shard).flush();
    return more || has_mail(shard);
  }
  void mail(unsigned shard, std::size_t data_max = ~std::size_t{0}) {
    auto& lane = lanes_[shard];
    loops_[shard]->enter();
    loops_[shard]->run();
    if (lane.taken.empty()) {
      lane.taken.swap(lane.data);
      lane.data_bytes = 0;
    }
    auto control = std::exchange(lane.control, {});
    for (auto& fn : control) fn();
    if (!hub(shard).may_take_data()) return;
    for (; data_max > 0 && !lane.taken.empty(); --data_max) {
      auto fn = std::move(lane.taken.front());
      lane.taken.pop_front();
      fn();
    }
  }
  bool has_mail(unsigned shard) const {
    const auto& lane = lanes_[shard];
    return !lane.control.empty() || !lane.data.empty() || !lane.taken.empty() || !loops_[shard]->idle();
  }
  /// Turns of all shards until nothing is left.
  void settle() {
    int rounds = 0;
    for (bool more = true; more;) {
      ASSERT_LT(++rounds, 100'000) << "it does not come to rest";
      more = false;
      for (unsigned i = 0; i < shards(); ++i) more = turn(i) || more;
      for (unsigned i = 0; i < shards(); ++i) more = has_mail(i) || more;
    }
  }

  /// Publishes from `shard`; the outcome comes to `done`, at once or in a later turn of that shard.
  void publish(
      unsigned shard, std::string channel, std::string data, std::function<void(bool accepted)> done = [](bool) {},
      broker::HistoryOptions history = {}) {
    loops_[shard]->enter();
    auto p = std::make_shared<broker::Publication>();
    p->channel = std::move(channel);
    p->data = std::move(data);
    spawn(publishing(hub(shard), std::move(p), history, std::move(done)));
  }
  void publish_at(unsigned shard, std::string channel, std::string data, broker::HistoryOptions history,
                  std::function<void(const Result<broker::StreamPosition>&)> done) {
    auto p = std::make_shared<broker::Publication>();
    p->channel = std::move(channel);
    p->data = std::move(data);
    run(shard,
        [](Hub& h, std::shared_ptr<broker::Publication> publication, broker::HistoryOptions options,
           std::function<void(const Result<broker::StreamPosition>&)> then) -> Task<void> {
          then(co_await h.publish(std::move(publication), {.history = options}));
        }(hub(shard), std::move(p), history, std::move(done)));
  }
  /// Starts a task on that shard.
  void run(unsigned shard, Task<void> task) {
    loops_[shard]->enter();
    spawn(std::move(task));
  }
  void clear(unsigned shard, const std::string& channel) {
    run(shard, [](Hub& h, std::string name) -> Task<void> {
      const auto done = co_await h.clear_history(std::move(name));
      EXPECT_TRUE(done.has_value());
    }(hub(shard), channel));
  }
  /// Subscribes and expects it to succeed, now or when the home answers.
  void subscribe(unsigned shard, FakeClient& client, std::string_view channel) {
    hub(shard).subscribe(client, channel, {}, [](const Result<Subscribed>& done) { EXPECT_TRUE(done.has_value()); });
  }
  void forget(unsigned shard, FakeClient& client) {
    hub(shard).forget(client);
    client.gone = true;
  }

  ManualClock clock;
  /// Sees each data message that is accepted, each control message, and may put something around it.
  std::function<Loop::Fn(unsigned to, Loop::Fn)> wrap_data;
  std::function<Loop::Fn(unsigned to, Loop::Fn)> wrap_control;

 private:
  struct Lanes {
    std::deque<Loop::Fn> control;
    std::deque<Loop::Fn> data;
    std::deque<Loop::Fn> taken;
    std::size_t data_bytes = 0;
  };
  static Task<void> publishing(Hub& hub, std::shared_ptr<broker::Publication> publication,
                               broker::HistoryOptions history, std::function<void(bool)> done) {
    const auto position = co_await hub.publish(std::move(publication), {.history = history});
    done(position.has_value());
  }

  const Bounds bounds_;
  Mesh mesh_;
  std::vector<Lanes> lanes_;
  std::vector<std::unique_ptr<broker::MemoryBroker>> brokers_;
  std::vector<std::unique_ptr<Hub>> hubs_;
  std::vector<std::unique_ptr<QueueLoop>> loops_;
};

using Frames = std::vector<std::string>;

/// The frames of the publications numbered `from` up to `to`.
inline Frames publications(int from, int to, std::string_view channel = "a", char tag = 'P') {
  Frames all;
  for (int i = from; i < to; ++i) all.push_back(fmt::format("{} {} {}", tag, channel, i));
  return all;
}

/// One shard with subscribers of the channel "a".
class Room : public ::testing::Test {
 protected:
  void start(std::size_t subscribers, Hub::Limits limits = {}) {
    clients.clear();
    net = std::make_unique<OneThread>(1, limits, OneThread::Bounds{});
    next = 0;
    for (std::size_t i = 0; i < subscribers; ++i) join();
  }
  FakeClient& join(FakeClient::Takes takes = FakeClient::all(), const Form& form = plain_form()) {
    clients.push_back(std::make_unique<FakeClient>(std::move(takes), form));
    net->subscribe(0, *clients.back(), "a");
    return *clients.back();
  }
  void publish(int count = 1, std::string_view channel = "a") {
    for (int i = 0; i < count; ++i) net->publish(0, std::string(channel), fmt::format("{}", next++));
  }
  void publish_bytes(std::size_t bytes, std::string_view channel = "a") {
    net->publish(0, std::string(channel), std::string(bytes, 'x'));
  }
  /// The socket takes bytes again.
  void open_up(FakeClient& client, FakeClient::Takes takes = FakeClient::all()) {
    client.takes = std::move(takes);
    if (client.wants_writable) hub().writable(client);
  }
  Hub& hub() { return net->hub(); }

  std::unique_ptr<OneThread> net;
  std::vector<std::unique_ptr<FakeClient>> clients;
  int next = 0;
};

}  // namespace gatecast::hub::testing
