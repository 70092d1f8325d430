#include "server/worker.hpp"

#include <sys/epoll.h>

#include "core/log.hpp"
#include "metrics/registry.hpp"
#include "server/connection.hpp"

namespace gatecast::server {
namespace {

// A storm of connects must not keep a shard from its other work.
constexpr int kAcceptsATurn = 64;
// Without a descriptor to spare the waiting peer cannot even be refused: until one may be free nobody is accepted.
constexpr Duration kExhaustedRest = std::chrono::milliseconds(100);

hub::Hub::Limits hub_limits(const LimitsConfig& limits) {
  // The personal channel does not count against what a client may ask for.
  return {.queue_bytes = limits.queue_bytes,
          .log_bytes_channel = limits.log_bytes_channel,
          .log_bytes_shard = limits.log_bytes_shard,
          .channels = limits.channels + 1,
          .streams = {.bytes = limits.history_bytes_shard,
                      .streams = limits.history_channels_shard,
                      .page = limits.history_page,
                      .recovered_bytes = limits.recovered_bytes},
          .presence_entries = limits.presence_entries_shard};
}

}  // namespace

void Listener::on_ready(std::uint32_t) {
  for (int i = 0; i < kAcceptsATurn; ++i) {
    bool exhausted = false;
    auto accepted = net::accept_from(fd_.get(), exhausted);
    if (exhausted) {
      metrics::count<"connections_refused_total">(Errc::overloaded);
      log::error("error", {{"reason", "out of descriptors"}, {"port", port_ == Port::public_ ? "public" : "ops"}});
      return rest();
    }
    if (!accepted.fd) return;
    worker_.accept(std::move(accepted), port_);
  }
}

Listener::~Listener() {
  if (resting_ != 0) worker_.shard().loop().cancel(resting_);
}

// The listener stays ready as long as someone waits: watched on, it would keep the shard busy with nothing.
void Listener::rest() {
  worker_.shard().loop().unwatch(fd());
  resting_ = worker_.shard().loop().after(kExhaustedRest, [this] {
    resting_ = 0;
    if (!worker_.shard().loop().watch(fd(), EPOLLIN, this)) rest();
  });
}

Worker::Worker(net::Shard& shard, hub::Mesh& mesh, Services& services)
    : shard_(shard),
      services_(services),
      hub_(shard.index(), mesh, hub_limits(services.config.limits), services.clock, services.epoch_seed),
      // An SDK that comes back sends connect and every subscribe in one frame.
      decoder_(std::max<std::size_t>(protocol::kMaxCommandsPerFrame, 1 + services.config.limits.channels)),
      ws_limits_{.message_bytes = static_cast<std::uint32_t>(services.config.limits.message_bytes)},
      ws_limits_deflate_{.message_bytes = ws_limits_.message_bytes, .compression = true},
      read_buffer_(std::make_unique<char[]>(kReadBytes)) {}

Worker::~Worker() = default;

void Worker::start_ticking() {
  tick_ = shard_.loop().after(std::chrono::seconds(1), [this] {
    hub_.tick();
    start_ticking();
  });
}

void Worker::listen(net::Fd fd, Port port) {
  auto listener = std::make_unique<Listener>(*this, std::move(fd), port);
  if (!shard_.loop().watch(listener->fd(), EPOLLIN, listener.get())) {
    log::error("error", {{"reason", "epoll refuses a listener"}});
    return;
  }
  listeners_.push_back(std::move(listener));
}

void Worker::stop_listening() {
  for (auto& listener : listeners_) shard_.loop().unwatch(listener->fd());
  listeners_.clear();
}

void Worker::accept(net::Accepted accepted, Port port) {
  if (port == Port::public_ && connections_.size() >= services_.config.limits.connections) {
    metrics::count<"connections_refused_total">(Errc::overloaded);
    return;
  }
  const auto id = ++last_id_;
  auto connection =
      std::make_unique<Connection>(*this, id, net::Stream(std::move(accepted.fd)), std::move(accepted.ip), port);
  auto& placed = *connection;
  connections_.emplace(id, std::move(connection));
  placed.open();
}

Connection* Worker::find(std::uint64_t id) {
  auto it = connections_.find(id);
  if (it == connections_.end() || it->second->phase_ == Connection::Phase::buried) return nullptr;
  return it->second.get();
}

void Worker::bury(Connection& connection) { buried_.push_back(&connection); }

void Worker::each_connection(const std::function<void(Connection&)>& fn) {
  for (auto& [id, connection] : connections_) fn(*connection);
}

void Worker::each_of(const User& user, const std::function<void(Connection&)>& fn) {
  for (auto* c = user.first; c != nullptr; c = c->user_next_) fn(*c);
}

std::size_t Worker::end_session(std::string_view user_id, std::string_view sid, Errc reason, SteadyTime since) {
  auto* user = users_.find(user_id);
  if (user == nullptr) return 0;
  std::vector<Connection*> meant;
  each_of(*user, [&](Connection& c) {
    if (sid.empty() || c.sid() == sid) meant.push_back(&c);
  });
  // All are mute before the first is told: no connection of an ended session sees what another one no longer does.
  for (auto* connection : meant) connection->mute_ended();
  if (!meant.empty()) {
    const Duration took = services_.clock.steady() - since;
    metrics::observe<"revocation_seconds">(std::chrono::duration<double>(took).count());
  }
  for (auto* connection : meant) connection->close_ended(reason);
  if (!meant.empty()) endings_.push_back(since);
  return meant.size();
}

void Worker::close_all() {
  for (auto& [id, connection] : connections_) connection->bury();
}

bool Worker::flush() {
  const bool more = hub_.flush();
  for (auto* connection : buried_) connections_.erase(connection->id());
  buried_.clear();
  report_hub_stats();
  if (!more && !endings_.empty()) {
    const auto now = services_.clock.steady();
    for (auto since : endings_) {
      metrics::observe<"revocation_closed_seconds">(std::chrono::duration<double>(now - since).count());
    }
    endings_.clear();
  }
  return more;
}

// The hub counts in plain integers on its hot path; what was added goes to the metrics once a turn.
void Worker::report_hub_stats() {
  const auto& now = hub_.stats();
  if (now.writes == reported_.writes && now.publications == reported_.publications &&
      hub_.subscription_count() == reported_subscriptions_ && hub_.home_count() == reported_channels_) {
    return;
  }
  metrics::add<"publications_total">(now.publications - reported_.publications);
  metrics::add<"deliveries_total">(now.deliveries - reported_.deliveries);
  metrics::add<"bytes_out_total">(now.bytes_out - reported_.bytes_out);
  metrics::add<"mailbox_full_total">(now.gapped - reported_.gapped);
  metrics::gauge_set<"channels_open">(static_cast<std::int64_t>(hub_.home_count()));
  metrics::gauge_set<"subscriptions_open">(static_cast<std::int64_t>(hub_.subscription_count()));
  reported_ = now;
  reported_subscriptions_ = hub_.subscription_count();
  reported_channels_ = hub_.home_count();
}

}  // namespace gatecast::server
