// What every form of Nodes does alike: heartbeats, who is there, questions and their answers. How bytes travel is the
// derived class's.
//
// Place: base of MemoryNodes and adapters/redis' RedisNodes. Threads: as Nodes says; what is protected here is called
// on the loop. Messages to all are numbered, so that a hearer notices one that was lost; a heartbeat says the number
// too. In touch is who heard its own heartbeat come back, counted from when it was sent: who others may already take
// for gone knows of it before they do.
// Bounds: kNodesMax nodes heard of, kQuestionsMax questions open, kHandlersMax handlers running, an answer
// kAnswerBytesMax in parts, all answers of a question kAnswersBytesMax.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <optional>

#include "broker/node_message.hpp"
#include "broker/nodes.hpp"

namespace gatecast::broker {

class NodeTalk : public Nodes {
 public:
  static constexpr std::size_t kNodesMax = 256;
  static constexpr std::size_t kQuestionsMax = 4096;
  static constexpr std::size_t kHandlersMax = 1024;
  static constexpr std::size_t kAnswerBytesMax = 16u << 20;
  static constexpr std::size_t kAnswersBytesMax = 64u << 20;
  /// Shorter than kGoneAfter by what a message may be on its way.
  static constexpr Duration kInTouchFor = std::chrono::seconds{3};

  struct Self {
    std::string id;
    std::string name{};
    std::string version{};
  };
  struct Times {
    Duration beat = kHeartbeatEvery;
    Duration in_touch_for = kInTouchFor;
    Duration gone_after = kGoneAfter;
  };
  NodeTalk(Self self, const Clock& clock, Times times) : self_(std::move(self)), clock_(clock), times_(times) {}

  void on(std::string kind, Handler handler) override {
    handlers_.insert_or_assign(std::move(kind), std::move(handler));
  }
  void on_change(std::function<void()> fn) override { changed_.push_back(std::move(fn)); }
  void on_lost(std::function<void()> fn) override { lost_.push_back(std::move(fn)); }
  void start(Loop& loop, std::function<std::string()> facts) override;
  /// On the loop of `start`.
  Task<void> stop() override;
  void tell(std::string kind, std::string body) override;
  Task<std::vector<NodeAnswer>> ask(std::string kind, std::string body, Duration at_most, std::string node) override;
  std::vector<NodeInfo> all() const override;
  bool in_touch() const override;

 protected:
  virtual void send_all(std::string message) = 0;
  virtual void send_to(const std::string& node, std::string message) = 0;
  /// Begins to listen to what is sent to all and to this node; `listening` says when it does.
  virtual void open() = 0;
  /// What was sent is on its way; then nothing comes any more.
  virtual Task<void> close() = 0;

  const std::string& id() const { return self_.id; }
  Loop& loop() const { return *loop_.load(); }
  /// From here on what is sent arrives. The second time: it may have been missed before.
  void listening();
  void received(std::string_view bytes);

 private:
  struct Peer {
    NodeSelf self;
    SteadyTime heard;
    std::uint64_t sequence = 0;
  };
  struct Parts {
    std::string text{};
    std::uint32_t count = 0;
    bool done = false;
  };
  struct Question {
    std::vector<NodeAnswer> answers;  // of the nodes asked; an error until its answer is whole
    std::vector<Parts> parts;         // of each: what has come
    std::size_t open = 0;
    std::size_t bytes = 0;
    std::optional<Resume<std::vector<NodeAnswer>>> resume;
    Loop::TimerId timer = 0;
  };

  void send(NodeMessage message, const std::string* node);
  void say_hello(bool asks_back, const std::string* node = nullptr);
  void beat();
  void sent_back(std::uint64_t sequence);
  void heard_hello(const NodeMessage& message);
  void note_sequence(const NodeMessage& message);
  void drop(const std::string& node, std::string_view why);
  void expect_nothing_of(const std::string& node);
  void changed();
  void may_have_lost();
  bool may_run() const { return running_ < kHandlersMax; }
  Task<void> run(const Handler& handler, std::string from, std::uint64_t question, std::string body);
  void handle(const NodeMessage& message);
  void reply(const std::string& to, std::uint64_t question, Result<std::string> answer);
  void put_question(std::string kind, std::string body, Duration at_most, std::string node,
                    Resume<std::vector<NodeAnswer>> resume);
  void take_answer(const NodeMessage& message);
  void end_answer(std::uint64_t number, std::size_t place, Result<std::string> body);
  void end_question(std::uint64_t number);

  const Self self_;
  const Clock& clock_;
  const Times times_;
  std::map<std::string, Handler, std::less<>> handlers_;
  std::vector<std::function<void()>> changed_;
  std::vector<std::function<void()>> lost_;
  std::function<std::string()> facts_;
  std::atomic<Loop*> loop_{nullptr};
  bool stopping_ = false;
  bool listened_ = false;
  bool lost_posted_ = false;
  bool was_in_touch_ = false;
  mutable std::mutex mutex_;           // of peers_, which only the loop changes
  std::map<std::string, Peer> peers_;  // the others
  std::uint64_t sequence_ = 0;
  std::deque<std::pair<std::uint64_t, SteadyTime>> beats_;  // not back yet
  std::atomic<std::int64_t> proven_{0};                     // when the newest that is back was sent; 0: none was
  std::map<std::uint64_t, Question> questions_;
  std::uint64_t last_question_ = 0;
  std::size_t running_ = 0;  // handlers
  std::optional<Resume<bool>> idle_;
  Loop::TimerId timer_ = 0;
};

}  // namespace gatecast::broker
