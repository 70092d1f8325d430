// What all forms of Client do alike: commands made and answered, topics and who listens, touch and its log lines.
//
// Place: base of standalone, sentinel and cluster, which say which link a slot is at. Threads, lifetime, bounds: as
// Client.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include "adapters/redis/link.hpp"

namespace gatecast::redis {

class ClientCore : public Client, protected Link::Owner {
 public:
  explicit ClientCore(std::unique_ptr<Shared> shared);
  ~ClientCore() override;

  void start() override;
  void stop() override;
  void command(std::string_view key, Texts args, ReplyDone done) override;
  void run(const Script& script, Texts keys, Texts args, ReplyDone done) override;
  void run_durable(const Script& script, Texts keys, Texts args, Duration wait, ReplyDone done) override;
  void listen(std::string topic, TopicListener& listener) override;
  void unlisten(std::string_view topic) override;
  std::string_view publish_verb() const override;
  bool in_touch() const override { return started_ && touch(); }
  std::string trouble() const override;
  std::string refusal() const override;

 protected:
  bool cluster() const { return shared_->url.form == RedisUrl::Form::cluster; }
  /// Connects; stops.
  virtual void begin() = 0;
  virtual void end() = 0;
  virtual void on_tick() = 0;
  /// Who has the slot, or whom its topics are at; null: not known now.
  virtual Link* link_of(std::uint16_t slot) = 0;
  virtual void issue(Request request) = 0;
  virtual bool touch() const = 0;
  virtual std::string trouble_now() const = 0;
  virtual std::string refusal_now() const = 0;
  /// A topic was refused, or taken away by its server, which says why where it does.
  virtual void on_topic_gone(Link&, std::string_view /*error*/) {}

  void finish(Request request, Result<Value> value);
  /// Topics go to whom `link_of` says now.
  void move_topics();
  void notice();

  void on_reply(Link& from, Request request, Result<Value> value) override;
  void on_change(Link& from) override;
  void on_lost(Link& from) override;
  void on_not_master(Link&) override {}
  void on_topics_up(Link& from) override;
  void on_message(Link& from, std::string_view topic, std::string_view payload) override;
  void on_topic(Link& from, std::string_view topic, Link::Word word, std::string_view error) override;

  const std::unique_ptr<Shared> shared_;

 private:
  struct Topic {
    TopicListener* listener = nullptr;  // null: it is only waited for that the server lets go of it
    Link* at = nullptr;
    unsigned asked = 0;
    unsigned leaving = 0;
    bool subscribed = false;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using Topics = boost::unordered_flat_map<std::string, Topic, Hash, std::equal_to<>>;  // looked up for each message

  Request script_request(const Script& script, Texts keys, Texts args, ReplyDone done) const;
  void give(Request request);
  void place(const std::string& name, Topic& topic);
  void tick();

  Topics topics_{};
  bool started_ = false;
  bool in_touch_ = false;
  bool ever_ = false;
  SteadyTime lost_at_{};
  std::int64_t outstanding_ = 0;
  Loop::TimerId tick_ = 0;
};

/// A topic for probes; `tag`, where there is one, moves it to a slot.
std::string probe_topic(const Shared& shared, std::string_view tag);

std::unique_ptr<Client> make_standalone(std::unique_ptr<Shared> shared);
std::unique_ptr<Client> make_sentinel(std::unique_ptr<Shared> shared);
std::unique_ptr<Client> make_cluster(std::unique_ptr<Shared> shared);

}  // namespace gatecast::redis
