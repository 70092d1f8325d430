#include "adapters/redis/listening.hpp"

#include "adapters/redis/publication_text.hpp"
#include "metrics/registry.hpp"

namespace gatecast::redis {
namespace {

constexpr Duration kTick = std::chrono::milliseconds{100};

}  // namespace

void Listening::start(broker::Receiver& receiver, std::function<void(std::string_view)> interrupted) {
  receiver_ = &receiver;
  interrupted_ = std::move(interrupted);
}

void Listening::stop() {
  receiver_ = nullptr;
  if (timer_ != 0) calls_.loop().cancel(timer_);
  timer_ = 0;
}

Listening::Channels& Listening::channels_of(std::string_view channel) {
  return shares_topic(channel) ? shared_[partition_of(channel)].channels : own_;
}

Listening::Waiting* Listening::waiting(std::string_view channel, std::uint64_t id) {
  Channels& channels = channels_of(channel);
  const auto at = channels.find(channel);
  if (at == channels.end() || at->second == nullptr) return nullptr;
  return id == 0 || at->second->id == id ? at->second.get() : nullptr;
}

void Listening::listen(std::string_view channel, bool kept, broker::Done<broker::StreamPosition> done) {
  Channels& channels = channels_of(channel);
  const auto [at, is_new] = channels.emplace(std::string(channel), nullptr);
  if (!is_new) {
    return calls_.later([done = std::move(done)]() mutable { done(fail(Errc::internal, "listened to already")); });
  }
  at->second = std::make_unique<Waiting>();
  at->second->id = ++last_id_;
  at->second->kept = kept;
  at->second->done = std::move(done);
  due_.push_back({calls_.loop().now() + deadline_, std::string(channel), last_id_});
  wake_tick();
  if (!shares_topic(channel)) return calls_.client().listen(calls_.names().topic(channel), *this);
  const unsigned partition = partition_of(channel);
  if (channels.size() == 1) {
    shared_[partition].subscribed = false;
    return calls_.client().listen(calls_.names().shared_topic(partition), *this);
  }
  if (!shared_[partition].subscribed) return;
  calls_.later([this, name = std::string(channel), id = last_id_] {
    if (waiting(name, id) != nullptr) subscribed(name);
  });
}

void Listening::unlisten(std::string_view channel) {
  if (Waiting* w = waiting(channel)) {
    calls_.later([done = std::move(w->done)]() mutable {
      done(fail(Errc::temporarily_unavailable, "not listened to any more"));
    });
  }
  drop(channel);
}

void Listening::drop(std::string_view channel) {
  Channels& channels = channels_of(channel);
  const auto at = channels.find(channel);
  if (at == channels.end()) return;
  const std::string topic = calls_.names().topic(channel);
  channels.erase(at);
  if (!shares_topic(channel) || channels.empty()) calls_.client().unlisten(topic);
}

/// The topic of a channel that waits is subscribed.
void Listening::subscribed(const std::string& channel) {
  Waiting* w = waiting(channel);
  if (w->asked) {
    w->interrupted = true;
    return;
  }
  if (!w->kept) return heard_from(channel, {});
  to_ask_.push_back(channel);
  ask_more();
}

void Listening::ask_more() {
  while (reading_ < kReadsAtOnce && !to_ask_.empty()) {
    const std::string channel = std::move(to_ask_.front());
    to_ask_.pop_front();
    Waiting* w = waiting(channel);
    if (w == nullptr || w->asked) continue;
    w->asked = true;
    ++reading_;
    reader_.position(channel, [this, channel, id = w->id](Result<broker::StreamPosition> place) {
      --reading_;
      asked(channel, id, std::move(place));
      ask_more();
    });
  }
}

void Listening::asked(const std::string& channel, std::uint64_t id, Result<broker::StreamPosition> place) {
  Waiting* w = waiting(channel, id);
  if (w == nullptr) return;
  if (place) return heard_from(channel, *place);
  w->asked = false;
  to_ask_again_.push_back(channel);
}

void Listening::heard_from(const std::string& channel, broker::StreamPosition place) {
  Channels& channels = channels_of(channel);
  const auto w = std::move(channels.find(channel)->second);
  w->done(place);
  const auto listening = [&] { return receiver_ != nullptr && channels.contains(channel); };
  for (auto& publication : w->early) {
    // Of another epoch: the stream has begun anew since, which the receiver finds out by it.
    const bool known = publication->offset > 0 && publication->epoch == place.epoch;
    if (listening() && !(known && publication->offset <= place.offset))
      receiver_->on_publication(std::move(publication));
  }
  if (w->interrupted && listening()) tell_interrupted(channel);
}

void Listening::tell_interrupted(std::string_view channel) {
  metrics::count<"broker_interrupted_total">();
  interrupted_(channel);
  receiver_->on_interrupted(channel);
}

void Listening::on_message(std::string_view topic, std::string_view payload) {
  if (receiver_ == nullptr) return;
  metrics::count<"broker_received_total">();
  metrics::add<"broker_received_bytes_total">(payload.size());
  const auto name = calls_.names().parse_topic(topic);
  const auto message = name ? parse_topic_message(payload, name->channel.empty()) : std::nullopt;
  auto publication = message ? parse_publication_text(message->text) : nullptr;
  if (publication == nullptr) {
    metrics::count<"broker_dropped_total">();
    return;
  }
  const std::string_view channel = name->channel.empty() ? message->channel : name->channel;
  Channels& channels = name->channel.empty() ? shared_[name->partition].channels : own_;
  const auto at = channels.find(channel);
  if (at == channels.end()) return;  // of others on the topic, or just left
  publication->channel = channel;
  publication->offset = message->place.offset;
  publication->epoch = message->place.epoch;
  Waiting* w = at->second.get();
  if (w == nullptr) return receiver_->on_publication(std::move(publication));
  if (w->early.size() < kEarly) {
    w->early.push_back(std::move(publication));
  } else {
    w->interrupted = true;
  }
}

void Listening::on_subscribed(std::string_view topic) {
  if (receiver_ == nullptr) return;
  const auto name = calls_.names().parse_topic(topic);
  if (!name) return;
  std::vector<std::string> channels;
  if (!name->channel.empty()) {
    channels.emplace_back(name->channel);
  } else {
    Shared& shared = shared_[name->partition];
    shared.subscribed = true;
    for (const auto& [channel, w] : shared.channels) channels.push_back(channel);
  }
  for (const auto& channel : channels) {
    if (waiting(channel) != nullptr) {
      subscribed(channel);
    } else if (receiver_ != nullptr && channels_of(channel).contains(channel)) {
      tell_interrupted(channel);
    }
  }
}

void Listening::wake_tick() {
  if (timer_ == 0) timer_ = calls_.loop().after(kTick, [this] { tick(); });
}

void Listening::tick() {
  timer_ = 0;
  const SteadyTime now = calls_.loop().now();
  while (!due_.empty() && due_.front().at <= now) {
    const Due due = std::move(due_.front());
    due_.pop_front();
    Waiting* w = waiting(due.channel, due.id);
    if (w == nullptr) continue;
    auto done = std::move(w->done);
    drop(due.channel);
    done(fail(Errc::temporarily_unavailable, "redis: " + calls_.client().trouble()));
    if (receiver_ == nullptr) return;
  }
  for (auto& channel : to_ask_again_) to_ask_.push_back(std::move(channel));
  to_ask_again_.clear();
  ask_more();
  if (!due_.empty()) wake_tick();
}

}  // namespace gatecast::redis
