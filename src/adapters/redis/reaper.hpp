// Takes away what dead nodes left in presence, and tells that they have gone; and reads presence without them.
//
// Place: part of RedisBroker. Threads: the loop's. A dead incarnation's channels are found partition by partition; each
// entry is removed and its leave told in one step, so that no two brokers tell it twice. Bounds: pages of kPage
// entries, kAtOnce partitions at a time. Errors: a job that fails is taken up again by whoever comes first.
#pragma once

#include "adapters/redis/lease.hpp"
#include "adapters/redis/presence_text.hpp"
#include "broker/broker.hpp"

namespace gatecast::redis {

class Reaper {
 public:
  static constexpr std::size_t kAtOnce = 16;

  Reaper(BrokerCalls& calls, Lease& lease) : calls_(calls), lease_(lease) {}

  /// Everything of the incarnation; says so to the lease.
  void take_away(const std::string& incarnation);

  void presence(std::string_view channel, std::size_t most, broker::Done<std::vector<broker::ClientInfoRef>> done);
  void count(std::string_view channel, broker::Done<broker::PresenceCount> done);

 private:
  struct Job;
  struct Listing;
  using Reaped = std::move_only_function<void(bool)>;

  void next_partition(std::shared_ptr<Job> job);
  void partition(std::shared_ptr<Job> job, unsigned number);
  void members(std::shared_ptr<Job> job, unsigned number, std::vector<std::string> left);
  void reap(const std::string& member, const std::string& incarnation, std::string cursor, Reaped done);
  void list(std::shared_ptr<Listing> listing, std::string cursor);
  void count(std::string channel, unsigned again, broker::Done<broker::PresenceCount> done);

  BrokerCalls& calls_;
  Lease& lease_;
};

}  // namespace gatecast::redis
