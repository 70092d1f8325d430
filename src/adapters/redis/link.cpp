#include "adapters/redis/link.hpp"

#include <algorithm>

#include "adapters/redis/command_text.hpp"

namespace gatecast::redis {
namespace {

using namespace std::chrono_literals;

constexpr Duration kBackoffFirst = 50ms;
constexpr Duration kBackoffMost = 2s;
// A server that says it is loading or busy is asked again by the next commands.
constexpr Duration kBusyFor = 1s;
// Durable commands that share one WAIT.
constexpr std::size_t kDurableBatch = 256;

/// Errors of the server's state, not of the command: they pass.
bool passes(std::string_view text) {
  for (std::string_view begin : {"LOADING", "MASTERDOWN", "BUSY", "CLUSTERDOWN", "TRYAGAIN", "READONLY"}) {
    if (text.starts_with(begin) && (text.size() == begin.size() || text[begin.size()] == ' ')) return true;
  }
  return false;
}

}  // namespace

Link::Link(Shared& shared, Owner& owner)
    : shared_(shared), owner_(owner), commands_(shared, *this), topics_(shared, *this), durable_(shared, *this) {}

Duration Link::tick_every(Duration deadline) { return std::clamp<Duration>(deadline / 4, 20ms, 250ms); }

void Link::go_to(const RedisAddress& address) {
  const bool moved = open_ && address != address_;
  address_ = address;
  if (moved) {
    attempts_ = 0;
    refusal_.clear();
    for (auto* timer : {&commands_timer_, &topics_timer_, &durable_timer_}) {
      if (*timer != 0) shared_.loop.cancel(std::exchange(*timer, 0));
    }
    lose("another server is the master");
    if (commands_.idle()) open_later(commands_, commands_timer_);
    if (topics_wanted() && topics_.idle()) open_later(topics_, topics_timer_);
    if (!durable_parked_.empty() && durable_.idle()) open_later(durable_, durable_timer_);
    return;
  }
  if (std::exchange(open_, true)) return;
  down_since_ = shared_.loop.now();
  trouble_ = fmt::format("{}: connecting", address_.shown());
  attempts_ = 0;
  commands_.open(address_, {shared_.url.user, shared_.url.password, shared_.url.db});
  if (topics_wanted()) topics_.open(address_, {shared_.url.user, shared_.url.password, 0});
}

void Link::close() {
  open_ = false;
  commands_.close();
  topics_.close();
  durable_.close();
  for (auto* timer : {&commands_timer_, &topics_timer_, &durable_timer_}) {
    if (*timer != 0) shared_.loop.cancel(std::exchange(*timer, 0));
  }
  parked_.clear();
  parked_bytes_ = 0;
  durable_parked_.clear();
  batch_.clear();
  changes_.clear();
  unconfirmed_.clear();
}

void Link::lose(const std::string& why) {
  probe_sent_.reset();
  probed_ = false;
  commands_.lose(why);
  topics_.lose(why);
  durable_.lose(why);
}

bool Link::in_touch() const {
  return commands_.ready() && (!topics_wanted() || (topics_.ready() && (probe_heard_ || probe_topic_.empty()))) &&
         probed_ && shared_.loop.now() - probe_back_ <= kProbeEvery + kProbeWithin && shared_.loop.now() >= busy_until_;
}

Duration Link::backoff() {
  const Duration most = std::min<Duration>(kBackoffFirst * (1U << std::min(attempts_++, 6U)), kBackoffMost);
  // From half of it to all of it: the nodes of a deployment do not all come at once.
  return most / 2 + most / 2 * static_cast<int>(shared_.chance() % 1024) / 1024;
}

void Link::open_later(Connection& connection, Loop::TimerId& timer) {
  if (!open_ || timer != 0) return;
  timer = shared_.loop.after(backoff(), [this, &connection, &timer] {
    timer = 0;
    const unsigned db = &connection == &topics_ ? 0 : shared_.url.db;
    connection.open(address_, {shared_.url.user, shared_.url.password, db});
  });
}

/// Why a server that greeted is not one to use; empty: it is.
std::string Link::refusal_of(const Connection& from) const {
  const Greeting& said = from.greeting();
  const bool cluster = shared_.url.form == RedisUrl::Form::cluster;
  if (said.mode == "sentinel") return "is a sentinel: use redis+sentinel://";
  if (cluster != (said.mode == "cluster")) {
    return cluster ? "is not a cluster: use redis://" : "is a cluster: use redis+cluster://";
  }
  const auto dot = std::min(said.version.find('.'), said.version.size());
  const std::string_view major = std::string_view(said.version).substr(0, dot);
  const std::string_view minor = std::string_view(said.version).substr(std::min(dot + 1, said.version.size()), 1);
  const bool old = major.size() == 1 && (cluster ? major < "7" : major < "6" || (major == "6" && minor < "2"));
  return old ? fmt::format("is Redis {}: {} or newer is needed", said.version, cluster ? "7.0" : "6.2") : "";
}

void Link::on_open(Connection& from) {
  if (auto no = refusal_of(from); !no.empty()) {
    from.lose(no, true);
    return;
  }
  if (from.greeting().role != "master") {
    from.lose("is a replica");
    return owner_.on_not_master(*this);
  }
  refusal_.clear();
  if (&from == &topics_) {
    unconfirmed_.clear();
    changes_.clear();
    probe_heard_ = false;
    subscribe_probe();
    owner_.on_topics_up(*this);
  } else if (&from == &commands_) {
    down_since_.reset();
    unpark();
  } else {
    send_durable();
  }
  probe();
  owner_.on_change(*this);
}

void Link::on_lost(Connection& from, const std::string& why, bool for_good) {
  trouble_ = why;
  if (for_good) refusal_ = why;
  if (&from == &durable_) {
    if (!durable_parked_.empty()) open_later(durable_, durable_timer_);
    return;
  }
  probe_sent_.reset();
  probed_ = false;
  if (&from == &commands_) {
    if (!down_since_) down_since_ = shared_.loop.now();
    open_later(commands_, commands_timer_);
  } else {
    probe_heard_ = false;
    open_later(topics_, topics_timer_);
  }
  owner_.on_change(*this);
  owner_.on_lost(*this);
}

// ---- commands

void Link::fail_later(Request request, Errc code, std::string detail) {
  shared_.later([this, request = std::move(request), code, detail = std::move(detail)]() mutable {
    owner_.on_reply(*this, std::move(request), fail(code, std::move(detail)));
  });
}

void Link::send(Request request) {
  const auto& bounds = shared_.options;
  const bool durable = request.wait > Duration::zero();
  auto& parked = durable ? durable_parked_ : parked_;
  const std::size_t waiting = commands_.waiting() + parked_.size() + durable_parked_.size() + batch_.size();
  if (waiting >= bounds.queue_commands || commands_.unsent() + parked_bytes_ + request.bytes() > bounds.queue_bytes) {
    return fail_later(std::move(request), Errc::overloaded, "the queue to Redis is full");
  }
  if (too_late(request)) return fail_later(std::move(request), Errc::temporarily_unavailable, trouble_);
  if (!durable && commands_.ready()) return commands_.send(std::move(request));
  if (down_since_ && shared_.loop.now() - *down_since_ >= bounds.deadline) {
    return fail_later(std::move(request), Errc::temporarily_unavailable, trouble_);
  }
  parked_bytes_ += request.bytes();
  parked.push_back(std::move(request));
  if (!durable) return;
  if (durable_.idle() && durable_timer_ == 0 && open_) {
    durable_.open(address_, {shared_.url.user, shared_.url.password, shared_.url.db});
  } else if (durable_.ready() && batch_.empty() && parked.size() == 1) {
    // What else this turn brings goes in the same batch.
    shared_.later([this] { send_durable(); });
  }
}

std::vector<Request> Link::take_parked() {
  std::vector<Request> out;
  for (auto* parked : {&parked_, &durable_parked_}) {
    for (Request& request : *parked) {
      parked_bytes_ -= request.bytes();
      out.push_back(std::move(request));
    }
    parked->clear();
  }
  return out;
}

void Link::unpark() {
  auto parked = std::exchange(parked_, {});
  for (Request& request : parked) {
    parked_bytes_ -= request.bytes();
    if (too_late(request)) {
      fail_later(std::move(request), Errc::temporarily_unavailable, trouble_);
    } else {
      commands_.send(std::move(request));
    }
  }
}

/// Its answer would hardly be in time, and one too late ends the connection.
bool Link::too_late(const Request& request) const {
  return request.due - shared_.loop.now() < shared_.options.deadline / 8;
}

void Link::expire(std::deque<Request>& parked) {
  const auto now = shared_.loop.now();
  while (!parked.empty() && parked.front().due <= now) {
    Request request = std::move(parked.front());
    parked.pop_front();
    parked_bytes_ -= request.bytes();
    fail_later(std::move(request), Errc::temporarily_unavailable, trouble_);
  }
}

void Link::on_reply(Connection& from, Request request, Result<Value> value) {
  if (value && value->is_error()) {
    const std::string_view text = value->text;
    if (text.starts_with("NOSCRIPT") && request.script != nullptr && !request.by_source && from.ready()) {
      request.by_source = true;
      return from.send(std::move(request));
    }
    if (passes(text)) {
      const bool demoted = text.starts_with("READONLY");
      const std::string why = fmt::format("{}: {}", address_.shown(), text);
      if (text.starts_with("LOADING") || text.starts_with("BUSY") || text.starts_with("MASTERDOWN")) {
        trouble_ = why;
        busy_until_ = shared_.loop.now() + kBusyFor;
      }
      owner_.on_reply(*this, std::move(request), fail(Errc::temporarily_unavailable, why));
      if (!demoted || !open_) return;
      lose("is a replica now");
      return owner_.on_not_master(*this);
    }
  }
  owner_.on_reply(*this, std::move(request), std::move(value));
}

// ---- durable commands

void Link::send_durable() {
  if (!durable_.ready() || !batch_.empty() || durable_parked_.empty()) return;
  Duration wait{};
  SteadyTime due{};
  while (!durable_parked_.empty() && batch_.size() < kDurableBatch) {
    Request& request = durable_parked_.front();
    parked_bytes_ -= request.bytes();
    wait = std::max(wait, request.wait);
    due = std::max(due, request.due);
    batch_.push_back({.request = std::move(request)});
    durable_parked_.pop_front();
  }
  // What waited for the batch before has its time from here on.
  due = std::max(due, shared_.loop.now() + shared_.options.deadline / 2);
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    const Request& one = batch_[i].request;
    Request part{.body = one.body, .texts = one.texts, .script = one.script, .due = due};
    part.by_source = one.by_source;
    part.asking = one.asking;
    part.own = true;
    part.done = [this, i](Result<Value> value) { batch_[i].answer = std::move(value); };
    durable_.send(std::move(part));
  }
  const std::string ms = std::to_string(std::max<std::int64_t>(1, wait / 1ms));
  const std::string_view texts[] = {"WAIT", "1", ms};
  Request last{.body = command_text(texts), .due = due + wait};
  last.own = true;
  last.done = [this](Result<Value> value) { finish_durable(std::move(value)); };
  durable_.send(std::move(last));
}

void Link::finish_durable(Result<Value> waited) {
  auto batch = std::exchange(batch_, {});
  const bool confirmed = waited && waited->kind == Value::Kind::number && waited->number >= 1;
  const std::weak_ptr<int> alive(shared_.life);
  for (Durable& one : batch) {
    if (alive.expired()) return;
    Result<Value> answer = one.answer ? std::move(*one.answer) : Result<Value>(Errc::temporarily_unavailable);
    const bool unknown = answer && answer->is_error() && answer->text.starts_with("NOSCRIPT");
    if (unknown && !one.request.by_source && open_) {
      one.request.by_source = true;
      parked_bytes_ += one.request.bytes();
      durable_parked_.push_back(std::move(one.request));
      continue;
    }
    if (answer && !answer->is_error() && !confirmed) {
      answer = fail(Errc::publication_unconfirmed, fmt::format("{}: no replica has confirmed it", address_.shown()));
    }
    on_reply(durable_, std::move(one.request), std::move(answer));
  }
  if (!alive.expired()) send_durable();
}

void Link::tick() {
  const auto now = shared_.loop.now();
  expire(parked_);
  expire(durable_parked_);
  if (probe_sent_ && now - *probe_sent_ > kProbeWithin) {
    lose("what was published as a probe did not come back");
  } else if (!probe_topic_.empty() && topics_.ready() && !probe_heard_ && now - probe_asked_ > kProbeWithin) {
    // It was refused, or taken away and given back: nothing else would subscribe it again.
    topics_.lose("the topic of its probes is not subscribed");
  } else if (now >= probe_next_) {
    probe();
  }
}

}  // namespace gatecast::redis
