#include "broker/memory_broker.hpp"

#include <algorithm>

namespace gatecast::broker {

using Lock = std::lock_guard<std::recursive_mutex>;

template <class T, class Make>
void MemoryBroker::command(Done<T> done, Make make) {
  ++commands_;
  if (!connected_) {
    return post_answer([done = std::move(done)]() mutable { done(fail(Errc::temporarily_unavailable, "lost")); });
  }
  Result<T> result = make();
  if (lose_answers_ > 0) {
    --lose_answers_;
    result = fail(Errc::temporarily_unavailable, "no answer");
  }
  post_answer([this, link = link_, result = std::move(result), done = std::move(done)]() mutable {
    if (link != link_) return done(fail(Errc::temporarily_unavailable, "cut"));
    done(std::move(result));
  });
}

MemoryBroker::MemoryBroker(MemoryTruth& truth, Loop& loop) : truth_(truth), loop_(loop) {}

MemoryBroker::~MemoryBroker() { stop(); }

void MemoryBroker::start(Receiver& receiver) {
  receiver_ = &receiver;
  started_ = true;
  Lock lock(truth_.mutex_);
  truth_.nodes_.push_back(this);
}

void MemoryBroker::stop() {
  if (std::exchange(stopped_, true)) return;
  *alive_ = false;
  Lock lock(truth_.mutex_);
  std::erase(truth_.nodes_, this);
  truth_.gone(*this);
  answers_.clear();
  messages_.clear();
  waiting_.clear();
}

void MemoryBroker::post_answer(Loop::Fn fn) {
  if (stopped_) return;
  answers_.push_back(std::move(fn));
  if (held_) return;
  loop_.post([this, alive = alive_] {
    if (*alive && !held_) let_answer();
  });
}

void MemoryBroker::post_message(Loop::Fn fn) {
  messages_.push_back(std::move(fn));
  if (held_) return;
  loop_.post([this, alive = alive_] {
    if (*alive && !held_) let_message();
  });
}

void MemoryBroker::hold(bool on) {
  if (std::exchange(held_, on) == on || on) return;
  for (std::size_t n = answers_.size(); n > 0; --n)
    loop_.post([this, alive = alive_] {
      if (*alive && !held_) let_answer();
    });
  for (std::size_t n = messages_.size(); n > 0; --n)
    loop_.post([this, alive = alive_] {
      if (*alive && !held_) let_message();
    });
}

bool MemoryBroker::let_answer() {
  Loop::Fn fn;
  {
    Lock lock(truth_.mutex_);
    if (answers_.empty()) return false;
    fn = std::move(answers_.front());
    answers_.pop_front();
  }
  fn();
  return true;
}

bool MemoryBroker::let_message() {
  Loop::Fn fn;
  {
    Lock lock(truth_.mutex_);
    if (messages_.empty()) return false;
    fn = std::move(messages_.front());
    messages_.pop_front();
  }
  fn();
  return true;
}

void MemoryBroker::deliver(const PublicationRef& publication) {
  const auto listened = listening_.find(publication->channel);
  if (!connected_ || listened == listening_.end()) return;
  if (publication->offset != 0 && lose_messages_ > 0) {
    --lose_messages_;
    return;
  }
  unsigned times = 1;
  if (publication->offset != 0 && duplicate_ > 0) {
    --duplicate_;
    times = 2;
  }
  for (; times > 0; --times) {
    // What was on its way when the channel was given up is not of a later listening.
    post_message([this, publication, link = link_, since = listened->second] {
      const auto still = listening_.find(publication->channel);
      if (link == link_ && still != listening_.end() && still->second == since) receiver_->on_publication(publication);
    });
  }
}

void MemoryBroker::cut() {
  if (!std::exchange(connected_, false)) return;
  ++link_;  // what is on its way does not come
}

void MemoryBroker::mend() {
  if (std::exchange(connected_, true) || stopped_) return;
  ++link_;
  for (auto& [channel, clients] : mine_) {
    for (auto& [id, mine] : clients) truth_.enter(channel, mine.who, *this, mine.listed, mine.told);
  }
  for (auto& left : std::exchange(left_, {})) leave(left.channel, left.who, left.listed, left.told);
  for (const auto& listened : listening_) {
    post_message([this, channel = listened.first, link = link_] {
      if (link == link_ && listening_.contains(channel)) receiver_->on_interrupted(channel);
    });
  }
  for (auto& fn : std::exchange(waiting_, {})) fn();
}

void MemoryBroker::listen(std::string_view channel, bool kept, Done<StreamPosition> done) {
  Lock lock(truth_.mutex_);
  const std::string name(channel);
  if (!connected_ && waits_) {
    waiting_.push_back([this, name, kept, done = std::move(done)]() mutable { listen(name, kept, std::move(done)); });
    return;
  }
  if (connected_) listening_.insert_or_assign(name, ++listens_);
  command<StreamPosition>(std::move(done),
                          [&] { return kept ? Result<StreamPosition>(truth_.position(name)) : StreamPosition{}; });
}

void MemoryBroker::unlisten(std::string_view channel) {
  Lock lock(truth_.mutex_);
  if (const auto at = listening_.find(channel); at != listening_.end()) listening_.erase(at);
}

void MemoryBroker::publish(std::shared_ptr<const Publication> publication, PublishOptions options,
                           Done<StreamPosition> done) {
  Lock lock(truth_.mutex_);
  command<StreamPosition>(std::move(done), [&] { return truth_.publish(std::move(publication), options); });
}

void MemoryBroker::history(std::string_view channel, HistoryQuery query, Done<HistoryPage> done) {
  Lock lock(truth_.mutex_);
  command<HistoryPage>(std::move(done), [&] { return truth_.history(channel, query); });
}

void MemoryBroker::recover(std::string_view channel, StreamPosition since, std::uint32_t most, Done<Recovered> done) {
  Lock lock(truth_.mutex_);
  command<Recovered>(std::move(done), [&] { return Result<Recovered>(truth_.recover(channel, since, most)); });
}

void MemoryBroker::clear(std::string_view channel, Done<void> done) {
  Lock lock(truth_.mutex_);
  command<void>(std::move(done), [&] {
    truth_.clear(channel);
    return Result<void>{};
  });
}

void MemoryBroker::enter(std::string_view channel, ClientInfoRef who, bool listed, bool told) {
  Lock lock(truth_.mutex_);
  mine_[std::string(channel)][who->client] = {who, listed, told};
  std::erase_if(left_, [&](const Left& l) { return l.channel == channel && l.who->client == who->client; });
  if (!connected_ || stopped_) return;
  truth_.enter(channel, who, *this, listed, told);
  if (told) truth_.pass_on(presence_news(channel, *who, PublicationKind::join));
}

void MemoryBroker::leave(std::string_view channel, ClientInfoRef who, bool listed, bool told) {
  Lock lock(truth_.mutex_);
  if (const auto at = mine_.find(std::string(channel)); at != mine_.end()) at->second.erase(who->client);
  if (stopped_) return;
  if (!connected_) return left_.push_back({std::string(channel), std::move(who), listed, told});
  truth_.leave(channel, who);
  if (told) truth_.pass_on(presence_news(channel, *who, PublicationKind::leave));
}

void MemoryBroker::presence(std::string_view channel, std::size_t most, Done<std::vector<ClientInfoRef>> done) {
  Lock lock(truth_.mutex_);
  command<std::vector<ClientInfoRef>>(std::move(done), [&] {
    std::vector<ClientInfoRef> all;
    if (const auto at = truth_.state_.present.find(channel); at != truth_.state_.present.end()) {
      for (const auto& [client, present] : at->second) {
        if (all.size() < most && present.listed) all.push_back(present.who);
      }
    }
    return Result<std::vector<ClientInfoRef>>(std::move(all));
  });
}

void MemoryBroker::presence_count(std::string_view channel, Done<PresenceCount> done) {
  Lock lock(truth_.mutex_);
  command<PresenceCount>(std::move(done), [&] {
    std::set<std::string_view> users;
    std::uint32_t clients = 0;
    if (const auto at = truth_.state_.present.find(channel); at != truth_.state_.present.end()) {
      for (const auto& [client, present] : at->second) {
        if (!present.listed) continue;
        users.insert(present.who->user);
        ++clients;
      }
    }
    return Result<PresenceCount>(PresenceCount{clients, static_cast<std::uint32_t>(users.size())});
  });
}

}  // namespace gatecast::broker
