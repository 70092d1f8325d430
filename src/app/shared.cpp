#include "app/shared.hpp"

#include <future>
#include <thread>

#include "adapters/redis/redis_broker.hpp"
#include "core/log.hpp"
#include "crypto/random.hpp"
#include "server/nodes/node_facts.hpp"

namespace gatecast::app {
namespace {

constexpr Duration kLookEvery = std::chrono::milliseconds{10};

struct Probed {
  bool in_touch = false;
  std::string refusal;
  std::string trouble;
};

/// Looks again and again until the client knows.
void look(redis::Client& client, net::EpollLoop& loop, SteadyTime until, std::promise<Probed>& probed) {
  Probed seen{client.in_touch(), client.refusal(), client.trouble()};
  if (seen.in_touch || !seen.refusal.empty() || std::chrono::steady_clock::now() >= until) {
    client.stop();
    return probed.set_value(std::move(seen));
  }
  loop.after(kLookEvery, [&client, &loop, until, &probed] { look(client, loop, until, probed); });
}

/// On a loop of its own, since no shard runs yet.
Result<Probed> probe_redis(redis::Client::Options options, Duration at_most) {
  net::EpollLoop loop;
  auto client = redis::Client::make(loop, std::move(options));
  if (!client) return client.error();
  std::promise<Probed> promise;
  auto probed = promise.get_future();
  std::thread thread([&] { loop.run(); });
  loop.post([&, until = std::chrono::steady_clock::now() + at_most] {
    (*client)->start();
    look(**client, loop, until, promise);
  });
  Probed seen = probed.get();
  loop.post([&client, &loop] {
    client->reset();
    loop.stop();
  });
  thread.join();
  return seen;
}

ServiceUrl cache_url_of(const server::Config& config) {
  if (!config.cache.url.empty()) return config.cache.url;
  return config.broker.on() ? config.broker.url : ServiceUrl();
}

}  // namespace

SharedParts::SharedParts(const server::Config& config, const Clock& clock)
    : config_(config), cache_url_(cache_url_of(config)) {
  if (config.broker.on()) {
    nodes_ = std::make_unique<redis::RedisNodes>(
        broker::NodeTalk::Self{crypto::uuid_v4(), server::node_name(config), GATECAST_VERSION}, config.broker.prefix,
        clock);
  }
}

redis::Client::Options SharedParts::options(const ServiceUrl& url, metrics::RedisRole role) const {
  redis::Client::Options options;
  options.url = url;
  options.ca_file = config_.broker.ca_file;
  options.name = "gatecast";
  options.prefix = config_.broker.prefix;
  options.role = role;
  options.topics = role != metrics::RedisRole::cache;
  options.deadline = config_.broker.deadline;
  return options;
}

Result<void> SharedParts::probe() const {
  using metrics::RedisRole;
  std::vector<std::tuple<std::string_view, ServiceUrl, RedisRole>> all;
  if (config_.broker.on()) all.emplace_back("broker.url", config_.broker.url, RedisRole::broker);
  if (!cache_url_.empty() && !(cache_url_ == config_.broker.url)) {
    all.emplace_back("cache.url", cache_url_, RedisRole::cache);
  }
  for (const auto& [key, url, role] : all) {
    auto probed = probe_redis(options(url, role), kProbeTime);
    if (!probed) return probed.error();
    if (!probed->refusal.empty()) {
      return fail(Errc::config_invalid, fmt::format("{} = {}: {}", key, url.shown(), probed->refusal));
    }
    if (!probed->in_touch) {
      log::warn("redis_away", {{"key", key}, {"url", url.shown()}, {"detail", probed->trouble}});
    }
  }
  return {};
}

server::Server::Parts::Shared SharedParts::parts() {
  server::Server::Parts::Shared shared;
  shared.nodes = nodes_.get();
  if (!cache_url_.empty()) shared.cache = &cache_;
  if (config_.broker.on()) shared.broker = [this](net::EpollLoop& loop) { return make_broker(loop); };
  if (nodes_ == nullptr && cache_url_.empty()) return shared;
  shared.start = [this](net::EpollLoop& loop) { start(loop); };
  shared.stop = [this] {
    if (redis_cache_ != nullptr) redis_cache_->stop();
  };
  return shared;
}

// The URL was read by the check of the configuration: what fails here is a broken invariant.
std::unique_ptr<broker::Broker> SharedParts::make_broker(net::EpollLoop& loop) const {
  auto made = redis::RedisBroker::make(loop, {.client = options(config_.broker.url, metrics::RedisRole::broker),
                                              .prefix = config_.broker.prefix,
                                              .durable_wait = config_.broker.durable_wait,
                                              .page = config_.limits.history_page,
                                              .present_max = config_.limits.presence_entries_shard});
  if (!made) std::abort();
  return std::move(*made);
}

void SharedParts::start(net::EpollLoop& loop) {
  if (nodes_ != nullptr) {
    auto client = redis::Client::make(loop, options(config_.broker.url, metrics::RedisRole::nodes));
    if (!client) std::abort();
    nodes_->connect(std::move(*client));
  }
  if (cache_url_.empty()) return;
  auto cache = redis::RedisCache::make(loop, options(cache_url_, metrics::RedisRole::cache));
  if (!cache) std::abort();
  redis_cache_ = std::move(*cache);
  redis_cache_->start();
  cache_.set(*redis_cache_);
}

}  // namespace gatecast::app
