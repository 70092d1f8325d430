// A broker whose truth lies in this process: several of them, the nodes of a test, share one MemoryTruth.
//
// Place: tests and the simulation, as the model of what is right; it passes broker/contract.hpp. MemoryTruth is the
// server, and what a test does to it: connections that break, a server that starts again empty, a replica that is some
// publications behind and takes over. Threads: a broker on its loop; the truth is called from all of them, its faults
// from one that no broker runs beside. Lifetime: the truth and the loops outlive the brokers. Bounds: a page; none
// else. Errors: those of broker.hpp.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <set>

#include "broker/broker.hpp"
#include "core/loop.hpp"

namespace gatecast::broker {

class MemoryBroker;

class MemoryTruth {
 public:
  explicit MemoryTruth(const Clock& clock, std::uint64_t seed = 1, std::uint32_t page = 300)
      : clock_(clock), seed_(seed), page_(page) {}

  // What a test does.
  /// Every connection is cut; `mend` lets them stand again, and says so to who listens.
  void lose();
  void mend();
  void restart_empty();
  /// A replica takes what is written, until `freeze`; `promote` puts it in the server's place.
  /// Durable publications are confirmed while there is one that is not frozen.
  void follow();
  void freeze();
  void promote();

  /// For who judges: where a channel stands, each publication that was taken, each epoch that went on as another one
  /// behind an offset, each that ended.
  StreamPosition position(const std::string& channel);
  std::function<void(const Publication&)> on_taken;
  std::function<void(const std::string& channel, StreamPosition until, std::uint64_t epoch)> on_forked;
  std::function<void(const std::string& channel)> on_gone;

 private:
  friend class MemoryBroker;
  struct Entry {
    PublicationRef publication;
    SteadyTime at;
  };
  struct Kept {
    std::uint64_t epoch = 0;
    std::uint64_t top = 0;
    std::map<std::uint64_t, std::uint64_t> former{};  // epochs before, each up to an offset
    std::deque<Entry> entries{};
    Duration time{};
    std::uint64_t version = 0;
    std::uint64_t version_epoch = 0;
  };
  struct Done1 {
    StreamPosition place;
    SteadyTime at;
  };
  struct Present {
    ClientInfoRef who;
    const MemoryBroker* node;
    bool listed, told;
  };
  struct State {
    std::map<std::string, Kept, std::less<>> kept{};
    std::map<std::string, Done1> done{};  // by channel and idempotency key
    std::map<std::string, std::map<std::string, Present>, std::less<>> present{};
  };

  Kept& get(std::string_view channel);
  void expire(Kept& kept) const;
  static std::optional<std::uint64_t> known(const Kept& kept, StreamPosition since);
  std::uint64_t new_epoch();

  Result<StreamPosition> publish(std::shared_ptr<const Publication> publication, const PublishOptions& options);
  Result<HistoryPage> history(std::string_view channel, const HistoryQuery& query);
  Recovered recover(std::string_view channel, StreamPosition since, std::uint32_t most);
  void clear(std::string_view channel);
  void enter(std::string_view channel, const ClientInfoRef& who, const MemoryBroker& node, bool listed, bool told);
  void leave(std::string_view channel, const ClientInfoRef& who);
  void gone(const MemoryBroker& node);
  void pass_on(const PublicationRef& publication);

  const Clock& clock_;
  const std::uint64_t seed_;
  const std::uint32_t page_;
  std::recursive_mutex mutex_;
  std::uint64_t epochs_ = 0;
  State state_;
  bool followed_ = false;
  std::optional<State> replica_;  // as it was frozen
  std::vector<MemoryBroker*> nodes_;
};

class MemoryBroker final : public Broker {
 public:
  MemoryBroker(MemoryTruth& truth, Loop& loop);
  ~MemoryBroker() override;

  void start(Receiver& receiver) override;
  void stop() override;
  void listen(std::string_view channel, bool kept, Done<StreamPosition> done) override;
  void unlisten(std::string_view channel) override;
  void publish(std::shared_ptr<const Publication> publication, PublishOptions options,
               Done<StreamPosition> done) override;
  void history(std::string_view channel, HistoryQuery query, Done<HistoryPage> done) override;
  void recover(std::string_view channel, StreamPosition since, std::uint32_t most, Done<Recovered> done) override;
  void clear(std::string_view channel, Done<void> done) override;
  void enter(std::string_view channel, ClientInfoRef who, bool listed, bool told) override;
  void leave(std::string_view channel, ClientInfoRef who, bool listed, bool told) override;
  void presence(std::string_view channel, std::size_t most, Done<std::vector<ClientInfoRef>> done) override;
  void presence_count(std::string_view channel, Done<PresenceCount> done) override;
  bool in_touch() const override { return started_ && !stopped_ && connected_; }

  // What a test does to this node's way to the truth.
  void cut();
  void mend();
  /// Answers and publications wait, each kind by itself, until they are let through.
  void hold(bool on);
  /// Whether `listen` waits until the connection stands; else it fails while it does not.
  void wait_to_listen(bool on) { waits_ = on; }
  /// Gives whether there was one.
  bool let_answer();
  bool let_message();
  /// The next so many commands are done, and nobody hears it.
  void lose_answers(unsigned count) { lose_answers_ += count; }
  /// The next so many publications come twice.
  void duplicate(unsigned count) { duplicate_ += count; }
  /// The next so many are lost without a sign.
  void lose_messages(unsigned count) { lose_messages_ += count; }
  std::size_t listening() const { return listening_.size(); }
  /// Commands taken so far.
  std::uint64_t commands() const { return commands_; }

 private:
  friend class MemoryTruth;
  struct Mine {
    ClientInfoRef who;
    bool listed, told;
  };
  struct Left {
    std::string channel;
    ClientInfoRef who;
    bool listed, told;
  };

  /// `make` gives the result where there is a connection; what it did may still be lost on the way back.
  template <class T, class Make>
  void command(Done<T> done, Make make);
  void post_answer(Loop::Fn fn);
  void post_message(Loop::Fn fn);
  void deliver(const PublicationRef& publication);

  MemoryTruth& truth_;
  Loop& loop_;
  Receiver* receiver_ = nullptr;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  bool started_ = false, stopped_ = false, connected_ = true, held_ = false, waits_ = false;
  std::uint64_t link_ = 0;  // which connection
  std::uint64_t commands_ = 0;
  unsigned lose_answers_ = 0, duplicate_ = 0, lose_messages_ = 0;
  std::map<std::string, std::uint64_t, std::less<>> listening_;  // by channel, since which `listen`
  std::uint64_t listens_ = 0;
  std::deque<Loop::Fn> answers_, messages_;
  std::vector<Loop::Fn> waiting_;  // what is done once the connection stands
  std::map<std::string, std::map<std::string, Mine>> mine_;
  std::vector<Left> left_;
};

}  // namespace gatecast::broker
