// Several nodes in one process: the same talk as over Redis, over a net that a test can break.
//
// Place: tests and simulations of whatever uses Nodes. Threads: MemoryNet from any; each MemoryNodes has a loop, which
// may be another's too. Lifetime: the net outlives its nodes; a node is stopped before it is destroyed.
// Bounds: none of its own.
#pragma once

#include <map>
#include <mutex>
#include <set>

#include "broker/node_talk.hpp"

namespace gatecast::broker {

class MemoryNodes;

class MemoryNet {
 public:
  /// Nothing reaches or leaves that node from now on; what it sends to itself comes back no more either.
  void cut(const std::string& id);
  /// It is connected again, and knows that it may have missed something.
  void mend(const std::string& id);
  /// The next `count` messages to that node are lost without a sign.
  void lose(const std::string& id, unsigned count);
  /// What is sent to that node comes so much later.
  void delay(const std::string& id, Duration by);

 private:
  friend class MemoryNodes;
  struct Member {
    MemoryNodes* nodes;
    Loop* loop;
    unsigned lose = 0;
    Duration delay{};
    bool cut = false;
  };
  void join(const std::string& id, MemoryNodes& nodes, Loop& loop);
  void leave(const std::string& id);
  void carry(const std::string& from, const std::string* to, const std::string& message);
  void deliver(const std::string& id, const std::string& message);

  std::mutex mutex_;
  std::map<std::string, Member> members_;
};

class MemoryNodes final : public NodeTalk {
 public:
  MemoryNodes(MemoryNet& net, Self self, const Clock& clock) : NodeTalk(std::move(self), clock, {}), net_(net) {}
  ~MemoryNodes() override;

 private:
  friend class MemoryNet;
  void send_all(std::string message) override;
  void send_to(const std::string& node, std::string message) override;
  void open() override;
  Task<void> close() override;

  MemoryNet& net_;
};

}  // namespace gatecast::broker
