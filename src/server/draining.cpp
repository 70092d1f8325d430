#include "server/draining.hpp"

#include <algorithm>
#include <future>
#include <random>
#include <thread>

#include "core/log.hpp"
#include "crypto/random.hpp"
#include "server/socket/connection.hpp"
#include "server/socket/worker.hpp"

namespace gatecast::server {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(20);
// Within it handshakes that have begun come to their end; the clients' share is larger, theirs come from far away.
constexpr Duration kOperatorsCall = std::chrono::milliseconds(50);
constexpr Duration kOperatorsTime = std::chrono::seconds(1);

}  // namespace

/// One shard's part, on its thread.
class Draining::Leaving {
 public:
  Leaving(Worker& worker, Duration last_call, Duration spread)
      : worker_(worker), last_call_(last_call), spread_(spread) {}

  Worker& worker() { return worker_; }
  std::size_t left(Port port) const { return left_[index(port)].load(std::memory_order_relaxed); }
  bool door_closed() const { return door_closed_.load(std::memory_order_relaxed); }

  void begin() {
    began_ = worker_.shard().loop().now();
    worker_.take_nobody(Port::public_);
    worker_.each_connection([this](Connection& c) {
      if (c.port() == Port::public_ && c.client()) order_.push_back(c.id());
    });
    // Whoever came first is not told first.
    std::shuffle(order_.begin(), order_.end(), std::minstd_rand(static_cast<unsigned>(crypto::random_number())));
    tick();
  }

  void close(Port port) {
    worker_.stop_listening(port);
    leave(port);
    count();
  }

 private:
  static std::size_t index(Port port) { return port == Port::public_ ? 0 : 1; }

  void tick() {
    const Duration elapsed = worker_.shard().loop().now() - began_;
    tell(elapsed);
    if (elapsed >= last_call_ / 2 && !door_closed()) {
      worker_.stop_listening(Port::public_);
      door_closed_.store(true, std::memory_order_relaxed);
    }
    if (elapsed >= std::max(last_call_, spread_)) {
      leave(Port::public_);
    } else if (elapsed >= last_call_) {
      worker_.each_connection([](Connection& c) {
        if (c.port() == Port::public_ && !c.client()) c.leave();
      });
    }
    count();
    worker_.shard().loop().after(kTick, [this] { tick(); });
  }

  /// As many of the clients as the part of the spread that is over.
  void tell(Duration elapsed) {
    const bool all = elapsed >= spread_;
    const double part = all ? 1.0 : std::chrono::duration<double>(elapsed) / std::chrono::duration<double>(spread_);
    const auto due = all ? order_.size() : static_cast<std::size_t>(part * static_cast<double>(order_.size()));
    for (; told_ < due; ++told_) {
      if (auto* connection = worker_.find(order_[told_])) connection->leave();
    }
  }

  void leave(Port port) {
    worker_.each_connection([port](Connection& c) {
      if (c.port() == port) c.leave();
    });
  }

  void count() {
    std::array<std::size_t, 2> now{};
    worker_.each_connection([&now](Connection& c) { ++now[index(c.port())]; });
    for (std::size_t i = 0; i < now.size(); ++i) left_[i].store(now[i], std::memory_order_relaxed);
  }

  Worker& worker_;
  const Duration last_call_;
  const Duration spread_;
  SteadyTime began_{};
  std::vector<std::uint64_t> order_;
  std::size_t told_ = 0;
  std::atomic<bool> door_closed_{false};
  std::array<std::atomic<std::size_t>, 2> left_{};
};

Draining::Draining(Services& services, bool hurried)
    : services_(services),
      began_(services.clock.steady()),
      last_call_(hurried ? Duration{} : Duration(services.config.limits.drain_time) / 10),
      // Who is told last needs time to hear it.
      spread_(hurried
                  ? Duration{}
                  : std::min<Duration>(services.config.limits.drain_spread, services.config.limits.drain_time / 2)) {
  for (auto* worker : services.workers) shards_.push_back(std::make_unique<Leaving>(*worker, last_call_, spread_));
}

Draining::~Draining() = default;

void Draining::on_shards(const std::function<void(Leaving&)>& fn) {
  for (auto& shard : shards_) {
    std::promise<void> done;
    shard->worker().shard().post_control([&leaving = *shard, &fn, &done] {
      fn(leaving);
      done.set_value();
    });
    done.get_future().wait();
  }
}

std::size_t Draining::left(Port port) const {
  std::size_t sum = 0;
  for (const auto& shard : shards_) sum += shard->left(port);
  return sum;
}

void Draining::wait_until(SteadyTime until, const std::function<bool()>& done) {
  while (!done() && services_.clock.steady() < until) std::this_thread::sleep_for(kTick / 4);
}

void Draining::clients() {
  on_shards([](Leaving& leaving) { leaving.begin(); });
  const auto all_left = [this] {
    return left(Port::public_) == 0 && std::ranges::all_of(shards_, [](const auto& s) { return s->door_closed(); });
  };
  const auto until = began_ + services_.config.limits.drain_time;
  const auto first = left(Port::public_);
  log::info("draining", {{"clients", first}});
  while (!all_left() && services_.clock.steady() < until) {
    wait_until(std::min<SteadyTime>(until, services_.clock.steady() + std::chrono::seconds(1)), all_left);
    if (!all_left()) log::info("draining", {{"clients", left(Port::public_)}});
  }
  const auto took = std::chrono::floor<std::chrono::milliseconds>(services_.clock.steady() - began_);
  log::info("drained", {{"clients", first}, {"left", left(Port::public_)}, {"took_ms", took.count()}});
}

void Draining::operators() {
  on_shards([](Leaving& leaving) { leaving.worker().take_nobody(Port::ops); });
  const auto now = services_.clock.steady();
  wait_until(now + std::min(kOperatorsCall, last_call_), [] { return false; });
  on_shards([](Leaving& leaving) { leaving.close(Port::ops); });
  // A call that is being answered has the rest of the time.
  const auto until = std::max(now + std::min(kOperatorsTime, last_call_), began_ + services_.config.limits.drain_time);
  wait_until(until, [this] { return left(Port::ops) == 0; });
}

}  // namespace gatecast::server
