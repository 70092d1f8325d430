#include "server/server.hpp"

#include "core/log.hpp"
#include "crypto/random.hpp"
#include "metrics/labels.hpp"
#include "server/draining.hpp"
#include "server/granted.hpp"
#include "server/json/json_out.hpp"
#include "server/json/notification_json.hpp"
#include "server/nodes/node_calls.hpp"
#include "server/nodes/node_facts.hpp"
#include "server/routes/exchange.hpp"
#include "server/routes/signin_options.hpp"
#include "server/socket/connection.hpp"
#include "server/stream_file.hpp"
#include "server/system_push.hpp"
#include "session/claims_map.hpp"

namespace gatecast::server {
namespace {

constexpr Duration kInboxUpkeepEvery = std::chrono::minutes(1);
constexpr unsigned kShardsMax = 64;  // a channel's home keeps its shards in one word

unsigned shard_count(const Config& config) {
  const unsigned wanted = config.realtime.shards != 0 ? config.realtime.shards : std::thread::hardware_concurrency();
  return std::clamp(wanted, 1u, kShardsMax);
}

limits::RateLimits rate_limits(const LimitsConfig& l) {
  return {.strict = {l.rate_strict},
          .liberal = {l.rate_liberal},
          .connect = {l.rate_connect},
          .api = {l.rate_api},
          .operators = {l.rate_strict}};
}

std::chrono::seconds whole_seconds(Millis t) { return std::chrono::floor<std::chrono::seconds>(t); }

Result<session::Variants> variants_of(const Config& config) {
  std::vector<session::Variant> variants;
  for (const auto& v : config.session.variants) variants.push_back({v.name, v.share, whole_seconds(v.access_ttl)});
  return session::Variants::make(std::move(variants));
}

session::SessionOptions session_options(const Config& config) {
  session::SessionOptions options;
  options.claims = session::ClaimsProfile::from_name(config.token.claims.profile).value_or(options.claims);
  if (config.token.claims.profile.empty()) {
    if (auto map = session::ClaimsMap::make(config.token.claims.members)) {
      options.claims = session::ClaimsProfile::of_map(std::move(*map));
    }
  }
  options.variants = variants_of(config).value_or(session::Variants{});
  options.access_ttl = whole_seconds(config.token.access_ttl);
  options.absolute_ttl = whole_seconds(config.session.absolute_ttl);
  options.rotation = {.grace = config.session.grace,
                      .lost_reply_window = config.session.lost_reply_window,
                      .refresh_ttl = config.session.refresh_ttl};
  options.jitter = config.session.jitter;
  options.per_user = config.session.per_user;
  options.audit_retention = std::chrono::floor<std::chrono::hours>(config.audit.retention);
  return options;
}

/// Tells a user on the personal channel that one of the sessions was ended because a copied token was used.
void tell_of_reuse(Services& services, const session::Ending& ending) {
  const auto told =
      JsonOut().text("type", "session.ended").text("reason", info(ending.reason).name).text("session", ending.sid);
  push_system(services, ending.user_id, JsonOut().object("gatecast", told).done());
}

/// The nodes' answers to repeated calls, which may hold tokens; null where nothing is shared.
std::unique_ptr<SealedCache> sealed_answers(const Server::Parts& parts) {
  if (parts.shared.cache == nullptr) return nullptr;
  std::vector<Secret> keys;
  for (const auto& key : parts.config.session.keys) keys.push_back(key.material);
  return std::make_unique<SealedCache>(*parts.shared.cache, keys);
}

void add_routes(Services& services) {
  for (std::size_t i = 0; i < kRoutes.size(); ++i) {
    const auto& route = kRoutes[i];
    auto& router = route.port == Port::public_ ? services.public_routes : services.ops_routes;
    router.add(route.method, route.path, i);
    if (route.name != "websocket" && handler_of(route.name) == nullptr) std::abort();
  }
}

}  // namespace

Result<std::unique_ptr<Server>> Server::make(Parts parts) {
  auto settings = Settings::make(parts.config, parts.clock.wall());
  if (!settings) return settings.error();
  auto trusted = make_trusted_verifier(parts.config, parts.outbound, parts.clock);
  if (!trusted) return trusted.error();
  std::unique_ptr<Server> server(new Server(std::move(parts), std::move(*settings), std::move(*trusted)));
  if (auto wired = server->wire(); !wired) return wired.error();
  return server;
}

Server::Server(Parts parts, std::unique_ptr<const Settings> settings, std::unique_ptr<token::TrustedVerifier> trusted)
    : parts_(std::move(parts)),
      settings_(std::move(settings)),
      issuer_(settings_.get().ring),
      verifier_(settings_.get().ring, {.issuer = parts_.config.token.issuer, .audience = parts_.config.token.audience}),
      cache_(parts_.clock),
      answers_(parts_.clock, {.entries_max = parts_.config.limits.idempotency_keys,
                              .bytes_max = parts_.config.limits.idempotency_bytes}),
      shared_answers_(sealed_answers(parts_)),
      idempotency_(shared_answers_ != nullptr ? static_cast<cache::Cache&>(*shared_answers_) : answers_),
      trusted_(std::move(trusted)),
      limiter_(parts_.shared.cache != nullptr ? *parts_.shared.cache : cache_, parts_.clock,
               rate_limits(parts_.config.limits)),
      shards_(shard_count(parts_.config), {.data_count = parts_.config.limits.mailbox}) {}

Server::~Server() { stop(); }

Result<void> Server::wire() {
  const auto& config = parts_.config;
  std::vector<std::string> variants;
  for (const auto& variant : config.session.variants) variants.push_back(variant.name);
  metrics::name_variants(std::move(variants));
  auto options = session_options(config);
  if (auto filled = fill_signin(config.signin, options); !filled) return filled.error();
  auto sessions = session::Sessions::make(std::move(options), session_key_list(config),
                                          {.store = parts_.store,
                                           .clock = parts_.clock,
                                           .issuer = issuer_,
                                           .verifier = verifier_,
                                           .outbound = parts_.outbound,
                                           .trusted = &trusted_.get(),
                                           .nodes = parts_.shared.nodes});
  if (!sessions) return sessions.error();
  sessions_ = std::move(*sessions);
  accounts_ = std::make_unique<session::Accounts>(session::Accounts::Parts{
      .store = parts_.store, .sessions = *sessions_, .clock = parts_.clock, .events = events_});
  if (auto hooked = wire_webhooks(); !hooked) return hooked;

  auto proxies = http::TrustedProxies::parse(config.http.trusted_proxies);
  if (!proxies) return proxies.error();
  auto origins = http::OriginPolicy::parse(config.http.allowed_origins);
  if (!origins) return origins.error();
  services_.reset(new Services{
      .config = config,
      .clock = parts_.clock,
      .sessions = *sessions_,
      .store = parts_.store,
      .accounts = *accounts_,
      .events = events_,
      .idempotency = idempotency_,
      .limiter = limiter_,
      .shards = shards_,
      .settings = settings_,
      .version = parts_.version,
      .node = parts_.shared.nodes != nullptr ? parts_.shared.nodes->all().front().id : crypto::uuid_v4(),
      .node_name = node_name(config),
      .epoch_seed = crypto::random_number(),
      .namespaces = Namespaces(settings_.get().namespaces, config.realtime.insecure, config.limits.channel_name_bytes),
      .proxies = std::move(*proxies),
      .origins = std::move(*origins),
      .public_routes = http::Router(config.http.base_path),
      .ops_routes = http::Router(),
      .started = parts_.clock.wall(),
  });
  wire_grants();
  wire_inbox();
  wire_nodes();
  add_routes(*services_);
  figures_ = std::make_unique<Figures>(*services_);
  services_->figures = figures_.get();
  reloading_ = std::make_unique<Reloading>(
      Reloading::Parts{.started = parts_.loaded,
                       .clock = parts_.clock,
                       .settings = settings_,
                       .issuer = issuer_,
                       .verifier = verifier_,
                       .sessions = *sessions_,
                       .namespaces = services_->namespaces,
                       .trusted = trusted_,
                       .outbound = parts_.outbound,
                       .home = shards_[0],
                       .certificates = [this](const Config& c) { return load_certificates(c); },
                       .taken = [this](const Config& c) { checks_->use(c); }});
  services_->reloading = reloading_.get();
  checks_ = std::make_unique<SelfChecks>(config, parts_.clock);
  services_->checks = checks_.get();

  mesh_.post_control = [this](unsigned shard, Loop::Fn fn) { shards_[shard].post_control(std::move(fn)); };
  mesh_.post_data = [this](unsigned shard, std::size_t bytes, Loop::Fn fn) {
    return shards_[shard].post_data(bytes, std::move(fn));
  };
  for (unsigned i = 0; i < shards_.count(); ++i) {
    auto broker = parts_.shared.broker ? parts_.shared.broker(shards_[i].loop()) : nullptr;
    workers_.push_back(std::make_unique<Worker>(shards_[i], mesh_, *services_, std::move(broker)));
    mesh_.hubs.push_back(&workers_.back()->hub());
    services_->workers.push_back(workers_.back().get());
    if (neighbours_) {
      workers_.back()->hub().on_received([this](const broker::Publication& p) { neighbours_->received(p); });
      workers_.back()->hub().on_missed([this](std::string_view channel) { neighbours_->missed(channel); });
    }
  }

  // An ending reaches the sockets of every shard through the lane that is never refused.
  sessions_->on_ended([this](const session::Ending& ending) {
    events_.ring();
    const auto since = parts_.clock.steady();
    for (auto& worker : workers_) {
      worker->shard().post_control(
          [&w = *worker, ending, since] { w.end_session(ending.user_id, ending.sid, ending.reason, since); });
    }
    if (ending.reason == Errc::refresh_reuse) tell_of_reuse(*services_, ending);
  });
  return {};
}

Result<void> Server::listen_all() {
  const auto open = [this](const std::string& address, Port port, std::uint16_t& got) -> Result<void> {
    auto at = net::parse_endpoint(address);
    if (!at) return at.error();
    if (auto free = net::check_free(*at); !free) return free;
    for (auto& worker : workers_) {
      auto fd = net::listen_on(*at);
      if (!fd) return fd.error();
      // Port 0: the first shard gets one from the kernel, the others share it.
      at->port = got = net::port_of(fd->get());
      worker->listen(std::move(*fd), port);
    }
    return {};
  };
  if (auto r = open(parts_.config.http.address, Port::public_, public_port_); !r) return r;
  return open(parts_.config.ops.address, Port::ops, ops_port_);
}

Result<void> Server::start() {
  if (auto certified = load_certificates(parts_.config); !certified) return certified;
  if (auto listening = listen_all(); !listening) return listening;
  load_streams();
  std::promise<Result<void>> loaded;
  std::atomic<unsigned> bound{0};
  std::promise<void> all_bound;
  shards_.start([this, &bound, &all_bound](net::Shard& shard) {
    auto& worker = *workers_[shard.index()];
    worker.hub().bind();
    shard.set_turns(&worker);
    worker.start_ticking();
    worker.start_shared();
    if (++bound == shards_.count()) all_bound.set_value();
  });
  running_ = true;
  all_bound.get_future().wait();
  shards_[0].loop().post([this, &loaded] {
    start_shared();
    figures_->start(shards_[0].loop());
    spawn(load(loaded));
  });
  auto result = loaded.get_future().get();
  // There are file systems that know no sockets: sign-in and messages go without, the operators' commands do not.
  if (auto opened = result ? open_control() : Result<void>{}; !opened) {
    log::warn("control", {{"reason", info(opened.error().code).name}, {"detail", opened.error().detail}});
  }
  services_->ready.store(result.has_value());
  return result;
}

void Server::load_streams() {
  if (parts_.shared.broker) return;  // it has the histories
  auto parts = take_streams(streams_path());
  if (!parts) return log::warn("streams_lost", {{"detail", parts.error().detail}});
  for (const auto& part : *parts) {
    for (auto& worker : workers_) {
      if (!worker->hub().load_streams(part)) return log::warn("streams_lost", {{"detail", "of another version"}});
    }
  }
}

void Server::save_streams() {
  if (parts_.shared.broker) return;
  std::vector<std::string> parts(workers_.size());
  std::size_t next = 0;
  on_shards([&](Worker& worker) { parts[next++] = worker.hub().save_streams(); });
  if (auto written = write_streams(streams_path(), parts); !written) {
    log::warn("streams_lost", {{"detail", written.error().detail}});
  }
}

std::string Server::streams_path() const { return parts_.config.data.dir + "/streams"; }

Task<void> Server::load(std::promise<Result<void>>& loaded) {
  auto result = co_await sessions_->load();
  if (result && webhooks_) result = co_await webhooks_->start();
  if (result) grants_->start(*Loop::current());
  if (result) inbox_upkeep_->start(*Loop::current());
  if (result) trusted_.get().start(*Loop::current());
  loaded.set_value(std::move(result));
}

Task<void> Server::drain(std::promise<void>& drained) {
  if (control_) co_await control_->stop();
  if (webhooks_) co_await webhooks_->stop();
  co_await inbox_upkeep_->stop();
  co_await grants_->stop();
  co_await trusted_.get().stop();
  if (neighbours_) co_await neighbours_->stop();
  co_await sessions_->drain();
  // The farewell: nobody here decides anything any more.
  if (parts_.shared.nodes != nullptr) co_await parts_.shared.nodes->stop();
  // A file's store answers in order: once this comes back it has told of every change before it. PostgreSQL's waits for
  // what is under way as it stops.
  static_cast<void>((co_await parts_.store.ping()).has_value());
  drained.set_value();
}

void Server::wire_grants() {
  grants_ = std::make_unique<access::Grants>(parts_.store, parts_.clock,
                                             access::Grants::Options{.user_max = parts_.config.limits.grants_user});
  grants_->on_audited([this] { events_.ring(); });
  grants_->on_changed([this](const store::GrantChange& change) { tell_grant(*services_, change); });
  grants_->on_found(
      [this](const std::string& user_id, std::uint64_t version) { found_granted(*services_, user_id, version); });
  services_->grants = grants_.get();
}

void Server::wire_nodes() {
  services_->shared_cache = parts_.shared.cache;
  services_->nodes = parts_.shared.nodes;
  if (services_->nodes == nullptr) return;
  neighbours_ = std::make_unique<Neighbours>(*services_, *services_->nodes);
  services_->neighbours = neighbours_.get();
  answer_others(*services_);
}

void Server::start_shared() {
  auto& loop = shards_[0].loop();
  if (parts_.shared.start) parts_.shared.start(loop);
  if (neighbours_) neighbours_->start(loop);
}

void Server::wire_inbox() {
  const auto& config = parts_.config;
  inbox_ = std::make_unique<inbox::Inbox>(
      inbox::Inbox::Parts{.store = parts_.store,
                          .clock = parts_.clock,
                          .home = shards_[0].loop(),
                          .tell =
                              [this](const inbox::Event& e) {
                                push_system(*services_, e.user_id, event_json(e), parts_.clock.steady());
                              }},
      inbox::Inbox::Options{.held_max = config.limits.notifications_user, .retention = config.notifications.retention});
  inbox_upkeep_ = std::make_unique<session::Periodic>(kInboxUpkeepEvery, [this] { return inbox_->prune(); });
  services_->inbox = inbox_.get();
}

Result<void> Server::wire_webhooks() {
  std::vector<session::Webhook> hooks;
  for (const auto& hook : parts_.config.webhooks) hooks.push_back({hook.name, hook.url, hook.secret, hook.kinds});
  if (hooks.empty()) return {};
  if (parts_.outbound == nullptr) return fail(Errc::config_invalid, "webhook: nothing here asks other servers");
  webhooks_ = std::make_unique<session::Webhooks>(
      std::move(hooks),
      session::Webhooks::Parts{.store = parts_.store,
                               .outbound = *parts_.outbound,
                               .clock = parts_.clock,
                               .events = events_,
                               .node = parts_.shared.nodes == nullptr ? std::string{} : crypto::uuid_v4()});
  return {};
}

Result<void> Server::open_control() {
  control_ = std::make_unique<ControlSocket>(*workers_[0]);
  std::promise<Result<void>> opened;
  shards_[0].post_control([this, &opened] { opened.set_value(control_->open(parts_.config.data.dir)); });
  return opened.get_future().get();
}

void Server::on_shards(const std::function<void(Worker&)>& fn) {
  for (auto& worker : workers_) {
    std::promise<void> done;
    worker->shard().post_control([&worker = *worker, &fn, &done] {
      fn(worker);
      done.set_value();
    });
    done.get_future().wait();
  }
}

void Server::stop() {
  if (!running_) return;
  running_ = false;
  services_->draining.store(true);
  reloading_->close();
  checks_->close();
  // Who waits for events has an answer at once.
  events_.close();
  Draining draining(*services_, !services_->ready.load());
  draining.clients();
  draining.operators();
  std::promise<void> drained;
  shards_[0].loop().post([this, &drained] { spawn(drain(drained)); });
  drained.get_future().wait();
  // Calls that still wait for another server are answered while their loops run, and their answers sent.
  if (parts_.outbound != nullptr) parts_.outbound->stop();
  for (int turn = 0; turn < 2; ++turn) on_shards([](Worker&) {});
  on_shards([](Worker& worker) { worker.close_all(); });
  if (parts_.shared.stop) {
    std::promise<void> done;
    shards_[0].loop().post([this, &done] {
      parts_.shared.stop();
      done.set_value();
    });
    done.get_future().wait();
  }
  // Nothing is accepted any more: what was acknowledged is in the streams.
  save_streams();
  shards_.stop();
}

}  // namespace gatecast::server
