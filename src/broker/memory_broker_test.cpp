#include "broker/memory_broker.hpp"

#include "broker/contract_suite.hpp"
#include "core/manual_loop.hpp"

namespace gatecast::broker {
namespace {

class MemoryPlace final : public BrokerPlace {
 public:
  std::unique_ptr<Broker> make() override { return std::make_unique<MemoryBroker>(truth_, loop_); }
  void run(const std::function<void()>& fn) override { fn(); }
  bool run_until(const std::function<bool()>& so) override {
    for (int turns = 0; turns < 100'000; ++turns) {
      if (so()) return true;
      if (!loop_.turn()) loop_.advance(std::chrono::milliseconds{5});
    }
    return false;
  }
  void interrupt() override {
    truth_.lose();
    truth_.mend();
  }
  void lose() override { truth_.lose(); }
  void mend() override { truth_.mend(); }
  void restart_empty() override { truth_.restart_empty(); }
  bool add_replica() override {
    truth_.follow();
    return true;
  }
  void freeze_replica() override { truth_.freeze(); }
  void promote_replica() override { truth_.promote(); }

 private:
  ManualClock clock_;
  ManualLoop loop_{clock_};
  MemoryTruth truth_{clock_, 1, 1000};
};

std::unique_ptr<BrokerPlace> make_memory_place() { return std::make_unique<MemoryPlace>(); }

GATECAST_BROKER_CONTRACT(Memory, (BrokerKind{"memory", &make_memory_place}));

}  // namespace
}  // namespace gatecast::broker
