// Link's topics, and the probe that proves them.
#include "adapters/redis/command_text.hpp"
#include "adapters/redis/link.hpp"
#include "adapters/redis/slots.hpp"

namespace gatecast::redis {
namespace {

// One SUBSCRIBE names at most so many topics.
constexpr std::size_t kTopicsBatch = 512;

}  // namespace

std::string_view Link::verb(bool subscribe) const {
  if (shared_.url.form == RedisUrl::Form::cluster) return subscribe ? "SSUBSCRIBE" : "SUNSUBSCRIBE";
  return subscribe ? "SUBSCRIBE" : "UNSUBSCRIBE";
}

void Link::change_topic(std::string topic, bool subscribe) {
  if (!topics_.ready()) return;
  const bool cluster = shared_.url.form == RedisUrl::Form::cluster;
  const bool fits = !changes_.empty() && changes_.back().subscribe == subscribe &&
                    changes_.back().topics.size() < kTopicsBatch &&
                    (!cluster || slot_of(changes_.back().topics.front()) == slot_of(topic));
  if (!fits) changes_.push_back({.topics = {}, .subscribe = subscribe});
  changes_.back().topics.push_back(std::move(topic));
  if (std::exchange(changes_asked_, true)) return;
  shared_.later([this] {
    changes_asked_ = false;
    send_topics();
  });
}

void Link::send_topics() {
  if (!topics_.ready()) return changes_.clear();
  std::string bytes;
  for (Batch& batch : changes_) {
    append_count(bytes, batch.topics.size() + 1);
    append_text(bytes, verb(batch.subscribe));
    for (const std::string& topic : batch.topics) append_text(bytes, topic);
    unconfirmed_.push_back(std::move(batch));
  }
  changes_.clear();
  topics_.send_topics(bytes);
}

void Link::on_message(std::string_view topic, std::string_view payload) {
  if (topic == probe_topic_) return probe_back();
  owner_.on_message(*this, topic, payload);
}

void Link::on_push(Connection& from, Value push) {
  if (&from != &topics_ || push.items.size() != 3) return;
  const std::string_view kind = push.items[0].text;
  if (kind == "subscribe" || kind == "ssubscribe") return confirmed(push.items[1].text, true);
  if (kind == "unsubscribe" || kind == "sunsubscribe") return confirmed(push.items[1].text, false);
}

void Link::confirmed(std::string_view topic, bool subscribe) {
  if (!unconfirmed_.empty()) {
    Batch& batch = unconfirmed_.front();
    // A topic that the server took away by itself is in no batch.
    if (batch.subscribe == subscribe && batch.topics[batch.confirmed] == topic) {
      if (++batch.confirmed == batch.topics.size()) unconfirmed_.pop_front();
    }
  }
  if (topic == probe_topic_) {
    probe_heard_ = subscribe;
    probe_asked_ = shared_.loop.now();  // taken away: the map has a while to name another one
    if (subscribe) return probe();
  }
  owner_.on_topic(*this, topic, subscribe ? Word::subscribed : Word::left, {});
}

void Link::on_stray_error(Connection& from, const std::string& text) {
  if (&from != &topics_ || unconfirmed_.empty()) return from.lose(text);
  if (text.starts_with("NOPERM")) refusal_ = fmt::format("{}: {}", address_.shown(), text);
  const Batch batch = std::move(unconfirmed_.front());
  unconfirmed_.pop_front();
  const std::weak_ptr<int> alive(shared_.life);
  for (const std::string& topic : batch.topics) {
    if (!alive.expired()) owner_.on_topic(*this, topic, batch.subscribe ? Word::refused : Word::left, text);
  }
}

// ---- the probe

void Link::probe_with(std::string topic) {
  if (topic == probe_topic_) return;
  if (!probe_topic_.empty() && topics_.ready()) unsubscribe(probe_topic_);
  probe_topic_ = std::move(topic);
  probe_heard_ = false;
  probe_sent_.reset();
  subscribe_probe();
}

void Link::subscribe_probe() {
  if (probe_topic_.empty() || !topics_.ready()) return;
  probe_asked_ = shared_.loop.now();
  subscribe(probe_topic_);
}

void Link::probe() {
  if (!commands_.ready() || probe_sent_) return;
  const bool topics = topics_wanted() && !probe_topic_.empty();
  if (topics && !probe_heard_) return;
  const auto now = shared_.loop.now();
  probe_sent_ = now;
  probe_next_ = now + kProbeEvery;
  const std::string_view publish[] = {shared_.url.form == RedisUrl::Form::cluster ? "SPUBLISH" : "PUBLISH",
                                      probe_topic_, "1"};
  const std::string_view ping[] = {"PING"};
  Request sent{.body = command_text(topics ? std::span<const std::string_view>(publish) : ping),
               .due = now + shared_.options.deadline};
  sent.own = true;
  sent.done = [this, topics](Result<Value> value) {
    if (!value || value->is_error()) return probe_failed(value);
    if (!topics) probe_back();
  };
  commands_.send(std::move(sent));
  // A server that was made a replica may keep its connections.
  const std::string_view hello[] = {"HELLO"};
  Request role{.body = command_text(hello), .due = now + shared_.options.deadline};
  role.own = true;
  role.done = [this](Result<Value> value) {
    if (!value || value->kind != Value::Kind::map) return;
    for (std::size_t i = 0; i + 1 < value->items.size(); i += 2) {
      if (value->items[i].text != "role" || value->items[i + 1].text == "master") continue;
      lose("is a replica now");
      return owner_.on_not_master(*this);
    }
  };
  commands_.send(std::move(role));
}

void Link::probe_failed(const Result<Value>& value) {
  if (!value) return;  // the connection is lost, and says so
  trouble_ = fmt::format("{}: {}", address_.shown(), value->text);
  if (value->text.starts_with("NOPERM")) refusal_ = trouble_;
  if (value->text.starts_with("MOVED")) owner_.on_topic(*this, probe_topic_, Word::refused, value->text);
}

void Link::probe_back() {
  const bool news = !probed_;
  probe_sent_.reset();
  probe_back_ = shared_.loop.now();
  probed_ = true;
  attempts_ = 0;
  if (news) owner_.on_change(*this);
}

}  // namespace gatecast::redis
