#include "broker/node_talk.hpp"

#include <algorithm>

#include "core/log.hpp"

namespace gatecast::broker {
namespace {

using Type = NodeMessage::Type;

// Of heartbeats that are under way; those before have been overtaken.
constexpr std::size_t kBeatsMax = 8;

}  // namespace

void NodeTalk::start(Loop& loop, std::function<std::string()> facts) {
  facts_ = std::move(facts);
  loop_.store(&loop);
  open();
  beat();
}

Task<void> NodeTalk::stop() {
  if (loop_.load() == nullptr || stopping_) co_return;
  stopping_ = true;
  loop().cancel(timer_);
  send({.type = Type::bye}, nullptr);
  while (!questions_.empty()) end_question(questions_.begin()->first);
  if (running_ > 0) {
    static_cast<void>(co_await arrival<bool>([this](Resume<bool> resume) { idle_.emplace(std::move(resume)); }));
  }
  co_await close();
}

void NodeTalk::send(NodeMessage message, const std::string* node) {
  message.from = self_.id;
  message.to_all = node == nullptr;
  if (message.to_all) ++sequence_;
  // A hello to one says where the count stands: what comes to all behind it is the next one.
  if (message.to_all || message.type == Type::hello) message.sequence = sequence_;
  std::string bytes = node_message(message);
  if (message.to_all) {
    send_all(std::move(bytes));
  } else {
    send_to(*node, std::move(bytes));
  }
}

// -- who is there ---------------------------------------------------------------------------------------------------

void NodeTalk::say_hello(bool asks_back, const std::string* node) {
  const std::string body = hello_body({self_.name, self_.version, facts_ ? facts_() : "{}"});
  send({.type = Type::hello, .asks_back = asks_back, .body = body}, node);
  if (node != nullptr) return;
  beats_.emplace_back(sequence_, clock_.steady());
  if (beats_.size() > kBeatsMax) beats_.pop_front();
}

void NodeTalk::beat() {
  say_hello(false);
  std::vector<std::string> gone;
  for (const auto& [id, peer] : peers_) {
    if (clock_.steady() - peer.heard > times_.gone_after) gone.push_back(id);
  }
  for (const auto& id : gone) drop(id, "not heard of");
  if (was_in_touch_ && !in_touch()) {
    was_in_touch_ = false;
    log::warn("nodes_out_of_touch", {{"node", self_.id}});
    changed();
  }
  timer_ = loop().after(times_.beat, [this] { beat(); });
}

void NodeTalk::listening() {
  if (stopping_) return;
  if (std::exchange(listened_, true)) may_have_lost();
  say_hello(true);
}

void NodeTalk::sent_back(std::uint64_t sequence) {
  const auto at = std::ranges::find(beats_, sequence, &std::pair<std::uint64_t, SteadyTime>::first);
  if (at == beats_.end()) return;
  proven_.store(at->second.time_since_epoch().count());
  beats_.erase(beats_.begin(), at + 1);
  if (was_in_touch_ || !in_touch()) return;
  was_in_touch_ = true;
  log::info("nodes_in_touch", {{"node", self_.id}});
  may_have_lost();
  changed();
}

bool NodeTalk::in_touch() const {
  const std::int64_t proven = proven_.load();
  return proven != 0 && clock_.steady() - SteadyTime{Duration{proven}} < times_.in_touch_for;
}

void NodeTalk::heard_hello(const NodeMessage& message) {
  auto said = parse_hello_body(message.body);
  if (!said) return;
  const auto known = peers_.find(message.from);
  if (known != peers_.end()) {
    const std::lock_guard lock(mutex_);
    known->second.self = std::move(*said);
    known->second.heard = clock_.steady();
  } else {
    if (peers_.size() + 1 >= kNodesMax) return log::warn("nodes_full", {{"node", message.from}});
    log::info("node_here", {{"node", message.from}, {"name", said->name}, {"version", said->version}});
    {
      const std::lock_guard lock(mutex_);
      peers_.emplace(message.from, Peer{std::move(*said), clock_.steady(), message.sequence});
    }
    // What it told before it was known here, nobody here has heard.
    may_have_lost();
    changed();
  }
  if (message.asks_back && !stopping_) say_hello(false, &message.from);
}

void NodeTalk::note_sequence(const NodeMessage& message) {
  const auto peer = peers_.find(message.from);
  if (peer == peers_.end() || !message.to_all) return;
  auto& last = peer->second.sequence;
  if (message.sequence > last + 1) may_have_lost();
  last = std::max(last, message.sequence);
}

void NodeTalk::drop(const std::string& node, std::string_view why) {
  const auto at = peers_.find(node);
  if (at == peers_.end()) return;
  log::info("node_gone", {{"node", node}, {"name", at->second.self.name}, {"why", why}});
  {
    const std::lock_guard lock(mutex_);
    peers_.erase(at);
  }
  expect_nothing_of(node);
  changed();
}

void NodeTalk::expect_nothing_of(const std::string& node) {
  std::vector<std::pair<std::uint64_t, std::size_t>> open;
  for (auto& [number, question] : questions_) {
    const auto whose = std::ranges::find(question.answers, node, &NodeAnswer::node);
    if (whose == question.answers.end()) continue;
    const auto place = static_cast<std::size_t>(whose - question.answers.begin());
    if (!std::exchange(question.parts[place].done, true)) open.emplace_back(number, place);
  }
  for (const auto& [number, place] : open) {
    end_answer(number, place, fail(Errc::temporarily_unavailable, "the node is gone"));
  }
}

void NodeTalk::changed() {
  for (const auto& fn : changed_) fn();
}

// Several signs of one loss come together.
void NodeTalk::may_have_lost() {
  if (stopping_ || std::exchange(lost_posted_, true)) return;
  loop().post([this] {
    lost_posted_ = false;
    if (stopping_) return;
    for (const auto& fn : lost_) fn();
  });
}

std::vector<NodeInfo> NodeTalk::all() const {
  std::vector<NodeInfo> nodes{{.id = self_.id, .name = self_.name, .version = self_.version}};
  const auto now = clock_.steady();
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, peer] : peers_) {
      nodes.push_back({id, peer.self.name, peer.self.version, peer.self.facts, now - peer.heard});
    }
  }
  std::ranges::sort(nodes.begin() + 1, nodes.end(), [](const NodeInfo& a, const NodeInfo& b) {
    return std::tie(a.name, a.id) < std::tie(b.name, b.id);
  });
  return nodes;
}

// -- word and questions ---------------------------------------------------------------------------------------------

void NodeTalk::received(std::string_view bytes) {
  if (stopping_) return;
  auto message = parse_node_message(bytes);
  if (!message) return log::warn("node_message", {{"detail", message.error().detail}});
  if (message->from == self_.id) {
    if (message->type == Type::hello) sent_back(message->sequence);
    return;
  }
  note_sequence(*message);
  switch (message->type) {
    case Type::unknown: return;
    case Type::hello: return heard_hello(*message);
    case Type::bye: return drop(message->from, "stopped");
    case Type::word:
    case Type::question: return handle(*message);
    case Type::answer: return take_answer(*message);
  }
}

void NodeTalk::handle(const NodeMessage& message) {
  const bool asked = message.type == Type::question;
  const auto handler = handlers_.find(message.kind);
  if (handler == handlers_.end()) {
    if (asked) reply(message.from, message.question, Errc::not_available);
    return;
  }
  if (!may_run()) {
    // Word that is not heard here is word lost.
    if (!asked) return may_have_lost();
    return reply(message.from, message.question, Errc::overloaded);
  }
  ++running_;
  spawn(run(handler->second, message.from, asked ? message.question : 0, std::string(message.body)));
}

Task<void> NodeTalk::run(const Handler& handler, std::string from, std::uint64_t question, std::string body) {
  auto answer = co_await handler(from, std::move(body));
  if (question != 0 && !stopping_) reply(from, question, std::move(answer));
  if (--running_ == 0 && idle_) std::exchange(idle_, std::nullopt)->operator()(true);
}

void NodeTalk::reply(const std::string& to, std::uint64_t question, Result<std::string> answer) {
  if (answer && answer->size() > kAnswerBytesMax) answer = Errc::body_too_large;
  if (!answer) {
    const std::string name(info(answer.error().code).name);
    return send({.type = Type::answer, .question = question, .error = name}, &to);
  }
  constexpr std::size_t kPart = kMessageBytesMax - kHeadBytesMax;
  const auto parts = static_cast<std::uint32_t>(answer->empty() ? 1 : (answer->size() + kPart - 1) / kPart);
  for (std::uint32_t part = 1; part <= parts; ++part) {
    const auto body = std::string_view(*answer).substr((part - 1) * kPart, kPart);
    send({.type = Type::answer, .question = question, .part = part, .parts = parts, .body = body}, &to);
  }
}

void NodeTalk::tell(std::string kind, std::string body) {
  Loop* loop = loop_.load();
  if (loop == nullptr || body.size() > kMessageBytesMax - kHeadBytesMax) return;
  loop->post([this, kind = std::move(kind), body = std::move(body)] {
    if (!stopping_) send({.type = Type::word, .kind = kind, .body = body}, nullptr);
  });
}

Task<std::vector<NodeAnswer>> NodeTalk::ask(std::string kind, std::string body, Duration at_most, std::string node) {
  Loop* loop = loop_.load();
  if (loop == nullptr) co_return std::vector<NodeAnswer>{};
  co_return co_await arrival<std::vector<NodeAnswer>>([&](Resume<std::vector<NodeAnswer>> resume) {
    loop->post([this, at_most, kind = std::move(kind), body = std::move(body), node = std::move(node),
                resume = std::move(resume)]() mutable {
      put_question(std::move(kind), std::move(body), at_most, std::move(node), std::move(resume));
    });
  });
}

void NodeTalk::put_question(std::string kind, std::string body, Duration at_most, std::string node,
                            Resume<std::vector<NodeAnswer>> resume) {
  Question question;
  const Error late = fail(Errc::temporarily_unavailable, "no answer of the node");
  if (!node.empty()) {
    if (node != self_.id) question.answers.push_back({node, late});
  } else {
    for (const auto& [id, peer] : peers_) question.answers.push_back({id, late});
  }
  std::optional<Errc> refused;
  if (body.size() > kMessageBytesMax - kHeadBytesMax) refused = Errc::body_too_large;
  if (questions_.size() >= kQuestionsMax) refused = Errc::overloaded;
  if (refused) {
    for (auto& answer : question.answers) answer.body = *refused;
  }
  if (refused || stopping_ || question.answers.empty()) return resume(std::move(question.answers));
  question.open = question.answers.size();
  question.parts.resize(question.open);
  question.resume.emplace(std::move(resume));
  const std::uint64_t number = ++last_question_;
  question.timer = loop().after(at_most, [this, number] { end_question(number); });
  questions_.emplace(number, std::move(question));
  send({.type = Type::question, .question = number, .kind = std::move(kind), .body = body},
       node.empty() ? nullptr : &node);
}

void NodeTalk::take_answer(const NodeMessage& message) {
  const auto at = questions_.find(message.question);
  if (at == questions_.end()) return;
  auto& question = at->second;
  const auto whose = std::ranges::find(question.answers, message.from, &NodeAnswer::node);
  if (whose == question.answers.end()) return;
  const auto place = static_cast<std::size_t>(whose - question.answers.begin());
  auto& parts = question.parts[place];
  if (parts.done) return;
  if (!message.error.empty()) {
    parts.done = true;
    return end_answer(message.question, place, errc_from_name(message.error).value_or(Errc::temporarily_unavailable));
  }
  question.bytes += message.body.size();
  // Where a part was lost, or there is too much, the node stays without an answer.
  if (message.part != parts.count + 1 || question.bytes > kAnswersBytesMax) return;
  ++parts.count;
  parts.text += message.body;
  parts.done = parts.count == message.parts;
  if (parts.done) end_answer(message.question, place, std::move(parts.text));
}

void NodeTalk::end_answer(std::uint64_t number, std::size_t place, Result<std::string> body) {
  auto& question = questions_.at(number);
  question.answers[place].body = std::move(body);
  if (--question.open == 0) end_question(number);
}

void NodeTalk::end_question(std::uint64_t number) {
  auto node = questions_.extract(number);
  if (node.empty()) return;
  auto& question = node.mapped();
  loop().cancel(question.timer);
  (*question.resume)(std::move(question.answers));
}

}  // namespace gatecast::broker
