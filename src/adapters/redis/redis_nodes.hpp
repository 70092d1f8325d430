// The nodes of a deployment, over topics in Redis: one that all listen to, and one for each node.
//
// Place: implements broker::Nodes with a Client of its own; what is said and kept is broker::NodeTalk's. Threads: as
// NodeTalk; the client is on the loop of `connect`. Lifetime: `connect`, `start`, …, `stop`, all on that loop, before
// the loop ends; without `connect` the node is alone and out of touch. Bounds: NodeTalk's and the client's.
#pragma once

#include "adapters/redis/client.hpp"
#include "broker/node_talk.hpp"

namespace gatecast::redis {

class RedisNodes final : public broker::NodeTalk, private TopicListener {
 public:
  RedisNodes(Self self, std::string_view prefix, const Clock& clock, Times times = {});
  ~RedisNodes() override;

  /// Before `start`.
  void connect(std::unique_ptr<Client> client);
  /// Why it is out of touch, for the log; empty: nothing is known. On the loop.
  std::string trouble() const { return client_ == nullptr ? std::string() : client_->trouble(); }

 private:
  void send_all(std::string message) override { send(all_, message); }
  void send_to(const std::string& node, std::string message) override { send(topic_of(node), message); }
  void open() override;
  Task<void> close() override;
  void on_message(std::string_view topic, std::string_view payload) override;
  void on_subscribed(std::string_view topic) override;

  void send(const std::string& topic, const std::string& message);
  std::string topic_of(std::string_view node) const;
  void flushed(Result<Value> answer);

  const std::string base_;  // of the topics; one slot for all
  const std::string all_;
  const std::string mine_;
  std::unique_ptr<Client> client_;
  bool hears_all_ = false;
  bool hears_mine_ = false;
  std::size_t under_way_ = 0;  // messages handed to the client and not answered for
  std::optional<Resume<bool>> closing_;
};

}  // namespace gatecast::redis
