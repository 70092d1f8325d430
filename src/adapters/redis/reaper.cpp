#include "adapters/redis/reaper.hpp"

#include <array>
#include <charconv>

#include "core/log.hpp"
#include "metrics/registry.hpp"

namespace gatecast::redis {
namespace {

constexpr std::string_view kPage = "100";  // entries a step: leaves are published in it
constexpr std::string_view kListPage = "500";
constexpr std::string_view kMembers = "16";
/// Dead incarnations that one count may have to take away first.
constexpr unsigned kCountsAgain = 64;

std::uint64_t number_in(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

struct Reaper::Job {
  std::string incarnation;
  unsigned next = 0;   // partition
  unsigned going = 0;  // partitions being worked on
  bool failed = false;
  std::uint64_t channels = 0;
};

void Reaper::take_away(const std::string& incarnation) {
  auto job = std::make_shared<Job>();
  job->incarnation = incarnation;
  for (std::size_t n = 0; n < kAtOnce; ++n) next_partition(job);
}

void Reaper::next_partition(std::shared_ptr<Job> job) {
  if (job->next < kPartitions && !job->failed) {
    ++job->going;
    return partition(job, job->next++);
  }
  if (job->going > 0) return;
  if (!job->failed && job->channels > 0) log::info("presence_reaped", {{"channels", job->channels}});
  lease_.finished(!job->failed);
  job->going = 1;  // said once
}

void Reaper::partition(std::shared_ptr<Job> job, unsigned number) {
  const std::string index = calls_.names().key(Names::node_channels, number, job->incarnation);
  calls_.command(index, std::array<std::string_view, 3>{"SRANDMEMBER", index, kMembers},
                 [this, job, number](Result<Value> reply) {
                   job->failed = job->failed || !reply;
                   if (job->failed || reply->items.empty()) {
                     --job->going;
                     return next_partition(job);
                   }
                   std::vector<std::string> found;
                   for (auto& item : reply->items) {
                     if (item.text.size() > 1) found.push_back(std::move(item.text));
                   }
                   job->failed = found.empty();  // nobody of ours writes such
                   if (job->failed) {
                     --job->going;
                     return next_partition(job);
                   }
                   members(job, number, std::move(found));
                 });
}

void Reaper::members(std::shared_ptr<Job> job, unsigned number, std::vector<std::string> left) {
  if (left.empty()) return partition(job, number);
  const std::string member = std::move(left.back());
  left.pop_back();
  ++job->channels;
  reap(member, job->incarnation, "0", [this, job, number, left = std::move(left)](bool done) mutable {
    if (done) return members(job, number, std::move(left));
    job->failed = true;
    --job->going;
    next_partition(job);
  });
}

void Reaper::reap(const std::string& member, const std::string& incarnation, std::string cursor, Reaped done) {
  const PresenceKeys keys(calls_.names(), member, incarnation);
  std::vector<std::string_view> names{keys.entries, keys.nodes, keys.index};
  if (!keys.users.empty()) names.push_back(keys.users);
  calls_.run(reap_script(), names,
             std::array<std::string_view, 7>{incarnation, member, cursor, kPage, calls_.client().publish_verb(),
                                             keys.topic, keys.mark},
             [this, member, incarnation, done = std::move(done)](Result<Value> reply) mutable {
               if (!reply || reply->items.size() < 2) return done(false);
               metrics::add<"broker_leaves_for_dead_total">(number_in(text_at(*reply, 1)));
               const auto next = text_at(*reply, 0);
               if (next == "0") return done(true);
               reap(member, incarnation, std::string(next), std::move(done));
             });
}

struct Reaper::Listing {
  std::string key;
  std::size_t most = 0;
  std::vector<broker::ClientInfoRef> found{};
  boost::unordered_flat_set<std::string> clients{};  // a page may give again what another gave
  broker::Done<std::vector<broker::ClientInfoRef>> done{};
};

void Reaper::presence(std::string_view channel, std::size_t most,
                      broker::Done<std::vector<broker::ClientInfoRef>> done) {
  auto listing = std::make_shared<Listing>();
  listing->key = calls_.names().key(Names::present, channel);
  listing->most = most;
  listing->done = std::move(done);
  list(std::move(listing), "0");
}

void Reaper::list(std::shared_ptr<Listing> listing, std::string cursor) {
  calls_.command(listing->key, std::array<std::string_view, 5>{"HSCAN", listing->key, cursor, "COUNT", kListPage},
                 [this, listing](Result<Value> reply) {
                   if (!reply) return listing->done(std::move(reply.error()));
                   if (reply->items.size() == 2) {
                     const Value& page = reply->items[1];
                     for (std::size_t i = 0; i + 1 < page.items.size(); i += 2) {
                       if (listing->found.size() >= listing->most) break;
                       auto [incarnation, who] = parse_presence_entry(text_at(page, i + 1));
                       if (who == nullptr || lease_.dead(incarnation)) continue;
                       if (listing->clients.insert(who->client).second) listing->found.push_back(std::move(who));
                     }
                   }
                   const auto next = text_at(*reply, 0);
                   if (next.empty() || next == "0" || listing->found.size() >= listing->most) {
                     return listing->done(std::move(listing->found));
                   }
                   list(listing, std::string(next));
                 });
}

void Reaper::count(std::string_view channel, broker::Done<broker::PresenceCount> done) {
  count(std::string(channel), 0, std::move(done));
}

/// Users cannot be counted without the dead: what they left in this channel is taken away first.
void Reaper::count(std::string channel, unsigned again, broker::Done<broker::PresenceCount> done) {
  const std::string entries = calls_.names().key(Names::present, channel);
  const std::string nodes = calls_.names().key(Names::present_nodes, channel);
  const std::string users = calls_.names().key(Names::present_users, channel);
  calls_.run(count_script(), std::array<std::string_view, 3>{entries, nodes, users}, {},
             [this, channel, again, done = std::move(done)](Result<Value> reply) mutable {
               if (!reply) return done(std::move(reply.error()));
               for (std::size_t i = 2; i < reply->items.size() && again < kCountsAgain; ++i) {
                 const std::string incarnation(text_at(*reply, i));
                 if (!lease_.dead(incarnation)) continue;
                 return reap(member_of(channel, true), incarnation, "0",
                             [this, channel, again, done = std::move(done)](bool all) mutable {
                               if (!all) return done(Errc::temporarily_unavailable);
                               count(channel, again + 1, std::move(done));
                             });
               }
               done(broker::PresenceCount{static_cast<std::uint32_t>(number_in(text_at(*reply, 0))),
                                          static_cast<std::uint32_t>(number_in(text_at(*reply, 1)))});
             });
}

}  // namespace gatecast::redis
