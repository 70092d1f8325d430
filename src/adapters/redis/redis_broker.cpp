#include "adapters/redis/redis_broker.hpp"

#include <fmt/format.h>

#include <array>

#include "adapters/redis/publication_text.hpp"
#include "core/text_form.hpp"
#include "crypto/random.hpp"
#include "metrics/registry.hpp"

namespace gatecast::redis {
namespace {

std::string in_ms(Duration time) {
  return std::to_string(std::max<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(time).count(), 1));
}

/// What a publishing script's answer says.
ReplyDone place_of(broker::Done<broker::StreamPosition> done) {
  return [done = std::move(done)](Result<Value> reply) mutable {
    if (!reply) return done(std::move(reply.error()));
    const auto place = parse_place(reply->text);
    if (!place) return done(fail(Errc::temporarily_unavailable, "redis: a publication answered in another form"));
    if (reply->text.ends_with(":f")) metrics::count<"broker_forks_total">();
    done(*place);
  };
}

}  // namespace

Result<std::unique_ptr<RedisBroker>> RedisBroker::make(net::EpollLoop& loop, Options options) {
  options.client.prefix = options.prefix;
  options.client.role = metrics::RedisRole::broker;
  auto client = Client::make(loop, options.client);
  if (!client) return std::move(client.error());
  auto calls = std::make_unique<BrokerCalls>(loop, std::move(*client), options.prefix);
  return std::unique_ptr<RedisBroker>(new RedisBroker(std::move(calls), std::move(options)));
}

RedisBroker::RedisBroker(std::unique_ptr<BrokerCalls> calls, Options options)
    : calls_(std::move(calls)),
      options_(std::move(options)),
      reader_(*calls_, options_.page),
      lease_(*calls_, options_.lease),
      listening_(*calls_, reader_, options_.client.deadline),
      roster_(*calls_, lease_, options_.present_max),
      reaper_(*calls_, lease_) {}

RedisBroker::~RedisBroker() { stop(); }

void RedisBroker::start(broker::Receiver& receiver) {
  running_ = true;
  listening_.start(receiver, [this](std::string_view channel) { roster_.doubt(channel); });
  calls_->client().start();
  lease_.start({.entered = [this](Lease::Anew how) { roster_.doubt_all(how); },
                .proved = [this] { roster_.put_right(); },
                .job = [this](const std::string& incarnation) { reaper_.take_away(incarnation); }});
}

void RedisBroker::stop() {
  if (!running_) return;
  running_ = false;
  listening_.stop();
  lease_.stop();
  calls_->stop();
}

void RedisBroker::listen(std::string_view channel, bool kept, broker::Done<broker::StreamPosition> done) {
  listening_.listen(channel, kept, std::move(done));
}

void RedisBroker::unlisten(std::string_view channel) { listening_.unlisten(channel); }

void RedisBroker::publish(std::shared_ptr<const broker::Publication> publication, broker::PublishOptions options,
                          broker::Done<broker::StreamPosition> done) {
  const std::string text = publication_text(*publication);
  if (text.size() > kTextBytesMax || publication->tags.size() > kTagsMax) {
    return calls_->later([done = std::move(done)]() mutable { done(Errc::body_too_large); });
  }
  metrics::count<"broker_published_total">();
  metrics::add<"broker_published_bytes_total">(text.size());
  if (options.history.on()) return publish_kept(*publication, text, options, std::move(done));
  publish_passing(*publication, text, options, std::move(done));
}

void RedisBroker::publish_kept(const broker::Publication& publication, std::string_view text,
                               const broker::PublishOptions& options, broker::Done<broker::StreamPosition> done) {
  const std::string_view channel = publication.channel;
  const Names& names = calls_->names();
  const std::string meta = names.key(Names::meta, channel), stream = names.key(Names::stream, channel);
  const std::string once = options.idempotency_key.empty() ? "" : names.once_key(channel, options.idempotency_key);
  const std::array<std::string_view, 3> keys{meta, stream, once};
  const std::string base = hex_encode(crypto::random_bytes(8)), size = std::to_string(options.history.size);
  const std::string time = in_ms(options.history.time), version = std::to_string(options.history.version);
  const std::string version_epoch = std::to_string(options.history.version_epoch);
  const std::string topic = names.topic(channel), mark = shares_topic(channel) ? channel_mark(channel) : "";
  const std::string known = in_ms(broker::kIdempotent);
  const std::array<std::string_view, 10> args{
      base, size, time, version, version_epoch, calls_->client().publish_verb(), topic, mark, text, known};
  const Texts used(keys.data(), once.empty() ? 2 : 3);
  auto then = place_of(std::move(done));
  if (options.durable) {
    return calls_->run_durable(publish_script(), used, args, options_.durable_wait, std::move(then));
  }
  calls_->run(publish_script(), used, args, std::move(then));
}

void RedisBroker::publish_passing(const broker::Publication& publication, std::string_view text,
                                  const broker::PublishOptions& options, broker::Done<broker::StreamPosition> done) {
  const std::string_view channel = publication.channel;
  const std::string topic = calls_->names().topic(channel);
  const std::string payload =
      fmt::format("0:0:{}{}", shares_topic(channel) ? channel_mark(channel) : std::string{}, text);
  const std::string_view verb = calls_->client().publish_verb();
  if (options.idempotency_key.empty()) {
    return calls_->command(topic, std::array<std::string_view, 3>{verb, topic, payload},
                           [done = std::move(done)](Result<Value> reply) mutable {
                             if (!reply) return done(std::move(reply.error()));
                             done(broker::StreamPosition{});
                           });
  }
  const std::string once = calls_->names().once_key(channel, options.idempotency_key);
  const std::string known = in_ms(broker::kIdempotent);
  calls_->run(publish_once_script(), std::array<std::string_view, 1>{once},
              std::array<std::string_view, 4>{verb, topic, payload, known}, place_of(std::move(done)));
}

void RedisBroker::history(std::string_view channel, broker::HistoryQuery query,
                          broker::Done<broker::HistoryPage> done) {
  reader_.history(channel, query, std::move(done));
}

void RedisBroker::recover(std::string_view channel, broker::StreamPosition since, std::uint32_t most,
                          broker::Done<broker::Recovered> done) {
  reader_.recover(channel, since, most, std::move(done));
}

void RedisBroker::clear(std::string_view channel, broker::Done<void> done) {
  const std::string stream = calls_->names().key(Names::stream, channel);
  calls_->command(stream, std::array<std::string_view, 2>{"UNLINK", stream},
                  [done = std::move(done)](Result<Value> reply) mutable {
                    if (!reply) return done(std::move(reply.error()));
                    done({});
                  });
}

void RedisBroker::enter(std::string_view channel, broker::ClientInfoRef who, bool listed, bool told) {
  roster_.enter(channel, std::move(who), listed, told);
}

void RedisBroker::leave(std::string_view channel, broker::ClientInfoRef who, bool listed, bool told) {
  roster_.leave(channel, who, listed, told);
}

void RedisBroker::presence(std::string_view channel, std::size_t most,
                           broker::Done<std::vector<broker::ClientInfoRef>> done) {
  reaper_.presence(channel, most, std::move(done));
}

void RedisBroker::presence_count(std::string_view channel, broker::Done<broker::PresenceCount> done) {
  reaper_.count(channel, std::move(done));
}

}  // namespace gatecast::redis
