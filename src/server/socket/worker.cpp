#include "server/socket/worker.hpp"

#include <sys/epoll.h>

#include "core/log.hpp"
#include "metrics/registry.hpp"
#include "server/socket/connection.hpp"

namespace gatecast::server {
namespace {

// A storm of connects must not keep a shard from its other work.
constexpr int kAcceptsATurn = 64;
// Without a descriptor to spare the waiting peer cannot even be refused: until one may be free nobody is accepted.
constexpr Duration kExhaustedRest = std::chrono::milliseconds(100);

constexpr Duration kTendEvery = std::chrono::milliseconds(100);

// How long a client may go on over its rate, in seconds of that rate, before it is disconnected.
constexpr Duration kPatience = std::chrono::seconds(5);

/// A client that comes back sends connect and all its subscribes at once, and no message may cost more than the burst.
limits::Pace command_pace(std::uint32_t a_second, const LimitsConfig& limits) {
  const std::uint64_t back = std::uint64_t{limits.channels} + 2;
  const std::uint64_t message = Connection::cost_of(limits.message_bytes * 10);
  return {a_second, std::max({2 * std::uint64_t{a_second}, back, message}), kPatience};
}

hub::Hub::Limits hub_limits(const LimitsConfig& limits) {
  // The personal channel does not count against what a client may ask for.
  return {.queue_bytes = limits.queue_bytes,
          .queued_bytes = limits.queued_bytes_shard,
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
    if (const auto wait = worker_.accept_wait(port_); wait > Duration::zero()) {
      metrics::count<"accepts_rested_total">();
      return rest(wait);
    }
    bool exhausted = false;
    auto accepted = net::accept_from(fd_.get(), exhausted);
    if (exhausted) {
      metrics::count<"connections_refused_total">(Errc::overloaded);
      log::error("error", {{"reason", "out of descriptors"}, {"port", port_ == Port::public_ ? "public" : "ops"}});
      return rest(kExhaustedRest);
    }
    if (!accepted.fd) return;
    worker_.accept(std::move(accepted), port_);
  }
}

void Listener::take_all() {
  for (bool exhausted = false; !exhausted;) {
    auto accepted = net::accept_from(fd_.get(), exhausted);
    if (!accepted.fd) return;
    worker_.accept(std::move(accepted), port_);
  }
}

Listener::~Listener() {
  if (resting_ != 0) worker_.shard().loop().cancel(resting_);
}

// The listener stays ready as long as someone waits: watched on, it would keep the shard busy with nothing.
void Listener::rest(Duration time) {
  worker_.shard().loop().unwatch(fd());
  resting_ = worker_.shard().loop().after(time, [this] {
    resting_ = 0;
    if (!worker_.shard().loop().watch(fd(), EPOLLIN, this)) rest(kExhaustedRest);
  });
}

Worker::Worker(net::Shard& shard, hub::Mesh& mesh, Services& services, std::unique_ptr<broker::Broker> broker)
    : shard_(shard),
      services_(services),
      broker_(std::move(broker)),
      hub_(shard.index(), mesh, hub_limits(services.config.limits), services.clock, services.epoch_seed, broker_.get()),
      closed_(services.config.limits.closed_bytes_shard),
      // An SDK that comes back sends connect and every subscribe in one frame.
      decoder_(std::max<std::size_t>(protocol::kMaxCommandsPerFrame, 1 + services.config.limits.channels)),
      ws_limits_{.message_bytes = static_cast<std::uint32_t>(services.config.limits.message_bytes)},
      ws_limits_deflate_{.message_bytes = ws_limits_.message_bytes, .compression = true},
      read_buffer_(std::make_unique<char[]>(kReadBytes)),
      connection_pace_(command_pace(services.config.limits.connection_commands, services.config.limits)),
      user_pace_(command_pace(services.config.limits.user_commands, services.config.limits)),
      accept_pace_(services.config.limits.accepts_shard, services.config.limits.accepts_shard / 10 + 1, {}),
      crowd_(services.config.limits.address_unauthenticated_shard) {}

Worker::~Worker() = default;

void Worker::start_shared() {
  if (broker_ == nullptr) return;
  hub_.start_shared();
  tend();
}

void Worker::tend() {
  tend_ = shard_.loop().after(kTendEvery, [this] {
    hub_.tend();
    tend();
  });
}

void Worker::start_ticking() {
  tick_ = shard_.loop().after(std::chrono::seconds(1), [this] {
    hub_.tick();
    report_slow_stats();
    tell_refused();
    leave_blind();
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

void Worker::take_nobody(Port port) {
  for (auto& listener : listeners_) {
    if (listener->port() == port) net::take_nobody(listener->fd());
  }
}

void Worker::stop_listening(Port port) {
  std::erase_if(listeners_, [this, port](auto& listener) {
    if (listener->port() != port) return false;
    // Closed with peers in its queue it would reset them.
    listener->take_all();
    shard_.loop().unwatch(listener->fd());
    return true;
  });
}

void Worker::accept(net::Accepted accepted, Port port) {
  if (port == Port::public_ && connections_.size() >= services_.config.limits.connections + kSurplus) {
    return note_refused(Errc::connections_full, accepted.ip);
  }
  std::unique_ptr<net::TlsSession> tls;
  if (const auto context = (port == Port::public_ ? services_.public_tls : services_.ops_tls).current()) {
    tls = context->begin(accepted.fd.get());
    if (tls == nullptr) return note_refused(Errc::overloaded, accepted.ip);
  }
  // A proxy's connections are many people's: whose it is is known at the upgrade.
  const auto address = http::parse_address(accepted.ip);
  const bool counts = crowd_.limits() && port == Port::public_ && !(address && services_.proxies.contains(*address));
  if (counts && !crowd_.enter(accepted.ip)) return note_refused(Errc::address_unauthenticated, accepted.ip);
  const auto id = ++last_id_;
  net::Stream stream(std::move(accepted.fd), std::move(tls));
  auto connection = std::make_unique<Connection>(*this, id, std::move(stream), std::move(accepted.ip), port);
  auto& placed = *connection;
  connections_.emplace(id, std::move(connection));
  placed.in_crowd_ = counts;
  placed.open();
}

bool Worker::full() const { return connections_.size() > services_.config.limits.connections; }

// Who waits does so in the kernel's backlog, in the order of coming: no attempt fails, and nothing is spent on
// refusals. Only beyond the backlog do peers have to try again, which TCP does by itself.
Duration Worker::accept_wait(Port port) {
  if (port != Port::public_ || !accept_pace_.limits()) return {};
  const auto now = shard_.loop().now();
  if (const auto wait = accept_pace_.wait(accept_debt_, now); wait > Duration::zero()) return wait;
  static_cast<void>(accept_pace_.take(accept_debt_, now));
  return {};
}

void Worker::note_refused(Errc code, std::string_view ip) {
  metrics::count<"connections_refused_total">(code);
  ++refused_.count;
  refused_.code = code;
  refused_.ip = ip;
}

void Worker::tell_refused() {
  if (refused_.count > 0) {
    log::warn("limited", {{"reason", info(refused_.code).name}, {"count", refused_.count}, {"ip", refused_.ip}});
  }
  refused_ = {};
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

void Worker::note_push(std::string_view user_id, SteadyTime since) {
  if (users_.find(user_id) != nullptr) pushes_.push_back(since);
}

void Worker::close_all() {
  for (auto& [id, connection] : connections_) connection->bury();
  // Whoever was here has left its channels by now.
  if (tend_ != 0) shard_.loop().cancel(tend_);
  if (hub_.shared() != nullptr && hub_.shared()->pushes().waiting() > 0) {
    log::warn("broker_pushes_lost", {{"count", hub_.shared()->pushes().waiting()}});
  }
  hub_.stop_shared();
}

bool Worker::flush() {
  handshakes_ = 0;
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
  if (!more && !pushes_.empty()) {
    const auto now = services_.clock.steady();
    for (auto since : pushes_) metrics::observe<"push_seconds">(std::chrono::duration<double>(now - since).count());
    pushes_.clear();
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

// What moves slowly, or is dear to read, is told once a second.
void Worker::report_slow_stats() {
  const auto& now = hub_.stats();
  auto& told = reported_slowly_;
  using metrics::Recovery;
  metrics::add<"recoveries_total">(now.recovered - told.recovered, Recovery::recovered);
  metrics::add<"recoveries_total">(now.unrecovered - told.unrecovered, Recovery::unrecovered);
  metrics::add<"recoveries_total">(now.busy - told.busy, Recovery::busy);
  metrics::add<"refilled_total">(now.refilled - told.refilled);
  metrics::add<"deltas_total">(now.deltas - told.deltas);
  metrics::add<"withheld_total">(now.withheld - told.withheld);
  told = now;
  const auto evicted = hub_.histories().evicted();
  metrics::add<"histories_evicted_total">(evicted - std::exchange(reported_evicted_, evicted));
  const auto left_out = hub_.present().left_out();
  metrics::add<"presence_left_out_total">(left_out - std::exchange(reported_left_out_, left_out));
  metrics::gauge_set<"history_bytes">(static_cast<std::int64_t>(hub_.histories().bytes()));
  metrics::gauge_set<"log_bytes">(static_cast<std::int64_t>(hub_.log_bytes()));
  metrics::gauge_set<"outbox_bytes">(static_cast<std::int64_t>(hub::Outbox::all_bytes()));
  if (hub_.shared() != nullptr) report_shared_stats(*hub_.shared());
}

void Worker::report_shared_stats(const hub::SharedHomes& homes) {
  const auto& now = homes.stats();
  metrics::add<"broker_asked_total">(now.asked - reported_shared_.asked);
  metrics::add<"broker_caught_up_total">(now.caught_up - reported_shared_.caught_up);
  metrics::add<"broker_moved_total">(now.moved - reported_shared_.moved);
  reported_shared_ = now;
  const auto lost = homes.pushes().lost();
  metrics::add<"broker_pushes_lost_total">(lost - std::exchange(reported_pushes_lost_, lost));
  metrics::gauge_set<"broker_pushes_waiting">(static_cast<std::int64_t>(homes.pushes().waiting()));
}

}  // namespace gatecast::server
