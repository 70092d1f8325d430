#include "adapters/redis/client.hpp"

#include "adapters/redis/client_core.hpp"
#include "adapters/redis/command_text.hpp"
#include "adapters/redis/slots.hpp"
#include "core/log.hpp"
#include "crypto/random.hpp"
#include "metrics/registry.hpp"

namespace gatecast::redis {
namespace {

std::string_view role_name(metrics::RedisRole role) {
  return metrics::label_value(metrics::Domain::redis_role, metrics::label_index(role));
}

}  // namespace

Result<std::unique_ptr<Client>> Client::make(net::EpollLoop& loop, Options options) {
  auto url = broker::parse_redis_url(options.url);
  if (!url) return url.error();
  std::unique_ptr<TlsClient> tls;
  if (url->tls) {
    auto loaded = TlsClient::load(options.ca_file);
    if (!loaded) return loaded.error();
    tls = std::move(*loaded);
  }
  const auto form = url->form;
  auto shared = std::make_unique<Shared>(loop, std::move(options), std::move(*url), std::move(tls));
  switch (form) {
    case RedisUrl::Form::standalone: return make_standalone(std::move(shared));
    case RedisUrl::Form::sentinel: return make_sentinel(std::move(shared));
    case RedisUrl::Form::cluster: break;
  }
  return make_cluster(std::move(shared));
}

std::string probe_topic(const Shared& shared, std::string_view tag) {
  return fmt::format("{}1:{}probe:{}", shared.options.prefix, tag, crypto::random_id(16));
}

ClientCore::ClientCore(std::unique_ptr<Shared> shared) : shared_(std::move(shared)) {}

// Links are gone by now: the derived class has stopped them.
ClientCore::~ClientCore() = default;

void ClientCore::start() {
  if (std::exchange(started_, true)) return;
  lost_at_ = shared_->loop.now();
  metrics::gauge_add<"redis_clients">(1, shared_->options.role);
  begin();
  tick();
}

void ClientCore::stop() {
  if (!std::exchange(started_, false)) return;
  shared_->life.reset();
  if (tick_ != 0) shared_->loop.cancel(std::exchange(tick_, 0));
  end();
  topics_.clear();
  metrics::gauge_add<"redis_clients">(-1, shared_->options.role);
  metrics::gauge_add<"redis_queue">(-std::exchange(outstanding_, 0), shared_->options.role);
  if (std::exchange(in_touch_, false)) metrics::gauge_add<"redis_in_touch">(-1, shared_->options.role);
}

void ClientCore::tick() {
  on_tick();
  notice();
  tick_ = shared_->loop.after(Link::tick_every(shared_->options.deadline), [this] {
    tick_ = 0;
    tick();
  });
}

void ClientCore::notice() {
  if (!started_ || in_touch_ == touch()) return;
  in_touch_ = !in_touch_;
  const auto now = shared_->loop.now();
  const auto role = shared_->options.role;
  metrics::gauge_add<"redis_in_touch">(in_touch_ ? 1 : -1, role);
  const std::string shown = shared_->options.url.shown();
  if (!in_touch_) {
    lost_at_ = now;
    log::warn("redis_lost", {{"role", role_name(role)}, {"url", shown}, {"detail", trouble_now()}});
    return;
  }
  const auto away = std::chrono::duration_cast<std::chrono::milliseconds>(now - lost_at_).count();
  log::info("redis_found", {{"role", role_name(role)}, {"url", shown}, {"away_ms", away}, {"first", !ever_}});
  ever_ = true;
}

std::string ClientCore::trouble() const { return in_touch() ? std::string() : trouble_now(); }
std::string ClientCore::refusal() const { return in_touch() ? std::string() : refusal_now(); }
std::string_view ClientCore::publish_verb() const { return cluster() ? "SPUBLISH" : "PUBLISH"; }

// ---- commands

void ClientCore::give(Request request) {
  metrics::count<"redis_commands_total">(shared_->options.role);
  metrics::gauge_add<"redis_queue">(1, shared_->options.role);
  ++outstanding_;
  request.begun = shared_->loop.now();
  request.due = request.begun + shared_->options.deadline + request.wait;
  if (started_) return issue(std::move(request));
  shared_->later([this, request = std::move(request)]() mutable {
    finish(std::move(request), fail(Errc::temporarily_unavailable, "not started"));
  });
}

void ClientCore::finish(Request request, Result<Value> value) {
  metrics::gauge_add<"redis_queue">(-1, shared_->options.role);
  --outstanding_;
  metrics::observe<"redis_seconds">(std::chrono::duration<double>(shared_->loop.now() - request.begun).count());
  if (!value || value->is_error()) metrics::count<"redis_errors_total">(shared_->options.role);
  request.done(std::move(value));
}

void ClientCore::command(std::string_view key, Texts args, ReplyDone done) {
  Request request{.body = command_text(args), .done = std::move(done)};
  request.kept = cluster();
  if (request.kept) request.slot = slot_of(key);
  give(std::move(request));
}

Request ClientCore::script_request(const Script& script, Texts keys, Texts args, ReplyDone done) const {
  Request request{.texts = 1 + keys.size() + args.size(), .script = &script, .done = std::move(done)};
  request.kept = true;
  if (cluster() && !keys.empty()) request.slot = slot_of(keys.front());
  append_text(request.body, std::to_string(keys.size()));
  append_texts(request.body, keys);
  append_texts(request.body, args);
  return request;
}

void ClientCore::run(const Script& script, Texts keys, Texts args, ReplyDone done) {
  give(script_request(script, keys, args, std::move(done)));
}

void ClientCore::run_durable(const Script& script, Texts keys, Texts args, Duration wait, ReplyDone done) {
  Request request = script_request(script, keys, args, std::move(done));
  request.wait = std::max<Duration>(wait, std::chrono::milliseconds{1});
  give(std::move(request));
}

void ClientCore::on_reply(Link&, Request request, Result<Value> value) { finish(std::move(request), std::move(value)); }

void ClientCore::on_change(Link&) { notice(); }
void ClientCore::on_lost(Link&) { notice(); }

// ---- topics

void ClientCore::listen(std::string topic, TopicListener& listener) {
  auto& [name, entry] = *topics_.try_emplace(std::move(topic)).first;
  entry.listener = &listener;
  entry.subscribed = false;
  place(name, entry);
}

void ClientCore::place(const std::string& name, Topic& topic) {
  Link* const link = started_ ? link_of(cluster() ? slot_of(name) : std::uint16_t{0}) : nullptr;
  if (topic.at != link) {
    if (topic.at != nullptr && topic.asked + topic.subscribed > 0) topic.at->unsubscribe(name);
    topic = {.listener = topic.listener, .at = link};
  }
  if (link == nullptr || !link->topics_up() || topic.asked > topic.leaving) return;
  ++topic.asked;
  link->subscribe(name);
}

void ClientCore::unlisten(std::string_view topic) {
  const auto at = topics_.find(topic);
  if (at == topics_.end() || at->second.listener == nullptr) return;
  Topic& entry = at->second;
  entry.listener = nullptr;
  const bool known = entry.subscribed || entry.asked > 0;
  entry.subscribed = false;
  if (!known || entry.at == nullptr || !entry.at->topics_up()) {
    topics_.erase(at);
    return;
  }
  ++entry.leaving;
  entry.at->unsubscribe(at->first);
}

void ClientCore::move_topics() {
  for (auto next = topics_.begin(); next != topics_.end();) {
    const auto at = next++;
    auto& [name, topic] = *at;
    if (link_of(slot_of(name)) == topic.at) continue;
    if (topic.listener == nullptr) {
      topics_.erase(at);
    } else {
      place(name, topic);
    }
  }
}

void ClientCore::on_topics_up(Link& from) {
  for (auto next = topics_.begin(); next != topics_.end();) {
    const auto at = next++;
    auto& [name, topic] = *at;
    if (topic.at != nullptr && topic.at != &from) continue;
    if (topic.listener == nullptr) {
      topics_.erase(at);
    } else {
      topic = {.listener = topic.listener, .at = topic.at};
      place(name, topic);
    }
  }
}

void ClientCore::on_message(Link& from, std::string_view topic, std::string_view payload) {
  const auto at = topics_.find(topic);
  if (at == topics_.end() || !at->second.subscribed || at->second.at != &from) return;
  at->second.listener->on_message(topic, payload);
}

void ClientCore::on_topic(Link& from, std::string_view name, Link::Word word, std::string_view error) {
  const auto at = topics_.find(name);
  if (at == topics_.end()) {
    if (word == Link::Word::refused) on_topic_gone(from, error);
    return;
  }
  Topic& topic = at->second;
  if (topic.at != &from) return;
  if (word == Link::Word::subscribed) {
    if (topic.asked > 0) --topic.asked;
    if (topic.listener == nullptr || topic.asked > 0 || topic.subscribed) return;
    topic.subscribed = true;
    // The listener may end it, and the name with it.
    const std::string own = at->first;
    return topic.listener->on_subscribed(own);
  }
  if (word == Link::Word::left && topic.leaving > 0) {
    --topic.leaving;
    if (topic.listener == nullptr && topic.leaving == 0 && topic.asked == 0) topics_.erase(at);
    return;
  }
  if (word == Link::Word::refused && topic.asked > 0) --topic.asked;
  topic.subscribed = false;
  if (topic.listener == nullptr) {
    if (topic.leaving == 0) topics_.erase(at);
  } else {
    // Where it is meanwhile, the map says; until then it is nowhere.
    topic.at = nullptr;
    topic.asked = topic.leaving = 0;
  }
  on_topic_gone(from, error);
}

}  // namespace gatecast::redis
