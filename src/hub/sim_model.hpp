// What the simulation knows of histories: every publication a home took, and what of it must still be there.
//
// A channel's history is a row of generations, one for each epoch. The model removes publications for the reasons the
// broker may – size, time, a clearing, a bound, a crash – and says what a reader that comes back must get. It never
// asks the broker, but for how many publications a byte bound took. Threads: one. Test code.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/streams.hpp"

namespace gatecast::hub::testing {

class HistoryModel {
 public:
  struct Generation {
    std::optional<std::uint64_t> epoch{};  // as the server calls it, once it has said so
    std::vector<std::string> data{};       // by offset - 1
    std::vector<SteadyTime> at{};
    std::uint64_t first = 1;  // the oldest offset kept
    std::uint64_t top() const { return data.size(); }
    std::uint64_t kept() const { return top() + 1 - first; }
  };
  struct Channel {
    std::string name;
    broker::HistoryOptions options{};  // off: publications have no offsets
    bool newest_only = false;
    bool joins = false;  // comings and goings are told, and presence is kept
    std::vector<Generation> generations{Generation{}};
    bool exists = false;  // the broker has a record
    std::uint64_t published = 0;
    std::vector<std::string> live{};  // without a history: what the home took
    Generation& now() { return generations.back(); }
    const Generation& now() const { return generations.back(); }
  };
  /// One history at one moment.
  struct Seen {
    std::size_t generation = 0;
    std::uint64_t first = 1;
    std::uint64_t top = 0;
  };
  using Moment = std::vector<Seen>;

  explicit HistoryModel(broker::Streams::Limits limits) : limits_(limits) {}

  std::vector<Channel> channels;

  std::size_t index(const std::string& name) const {
    for (std::size_t i = 0; i < channels.size(); ++i) {
      if (channels[i].name == name) return i;
    }
    ADD_FAILURE() << "no such channel: " << name;
    return 0;
  }
  Channel& channel(const std::string& name) { return channels[index(name)]; }

  /// The home of `same_home` took a publication, and bounds removed `evicted`.
  template <class SameHome>
  void take(Channel& c, const std::string& data, SteadyTime now, std::uint64_t evicted, SameHome same_home) {
    if (!c.options.on()) {
      c.live.push_back(data);
      return;
    }
    auto& g = c.now();
    expire(c, now);
    g.data.push_back(data);
    g.at.push_back(now);
    while (g.kept() > c.options.size) ++g.first;
    c.exists = true;
    c.published = ++published_;
    std::size_t records = 0;
    for (const auto& other : channels) records += other.exists && same_home(other) ? 1 : 0;
    for (; records > limits_.streams; --records) {
      Channel& oldest = *oldest_of([&](const Channel& o) { return o.exists && same_home(o); });
      EXPECT_GE(evicted, oldest.now().kept()) << "the record published to least recently stays, " << oldest.name;
      evicted -= std::min(evicted, oldest.now().kept());
      begin_anew(oldest);
      ++dropped;
    }
    for (; evicted > 0; --evicted) {
      Channel* oldest = oldest_of([&](const Channel& o) { return o.now().kept() > 0 && same_home(o); });
      if (oldest == nullptr) {
        ADD_FAILURE() << "more was removed than there was";
        return;
      }
      ++oldest->now().first;
      ++removed;
    }
  }

  void clear(Channel& c) { c.now().first = c.now().top() + 1; }
  void crash() {
    for (auto& c : channels) begin_anew(c);
  }

  /// Its record is gone: another epoch, and offsets from 1.
  static void begin_anew(Channel& c) {
    c.generations.emplace_back();
    c.exists = false;
  }

  Moment moment(SteadyTime now) {
    Moment all;
    for (auto& c : channels) {
      expire(c, now);
      all.push_back({c.generations.size() - 1, c.now().first, c.now().top()});
    }
    return all;
  }

  /// The server calls that generation so: always the same, and no other of the channel alike.
  void learn(Channel& c, std::size_t generation, std::uint64_t epoch) {
    auto& g = c.generations[generation];
    if (!g.epoch) {
      for (const auto& other : c.generations) EXPECT_NE(other.epoch, epoch) << "an epoch used before, " << c.name;
      g.epoch = epoch;
    }
    EXPECT_EQ(*g.epoch, epoch) << "another epoch without a reason, " << c.name;
  }
  const Generation* by_epoch(const Channel& c, std::uint64_t epoch) const {
    for (const auto& g : c.generations) {
      if (g.epoch == epoch) return &g;
    }
    return nullptr;
  }

  /// Whether who stood at `since` gets all that it missed; `bounded` by what fits a reply.
  bool reaches(const Channel& c, const Seen& seen, const broker::StreamPosition& since, bool bounded) const {
    const auto& g = c.generations[seen.generation];
    const bool same_epoch = since.epoch == broker::kAnyEpoch || since.epoch == g.epoch;
    if (same_epoch && since.offset == seen.top) return true;
    if (bounded && c.newest_only) return seen.first <= seen.top;
    if (!same_epoch || since.offset + 1 < seen.first || since.offset > seen.top) return false;
    if (!bounded) return true;
    std::size_t bytes = 0;
    for (std::uint64_t at = since.offset; at < seen.top; ++at) bytes += g.data[at].size();
    return seen.top - since.offset <= limits_.page && bytes <= limits_.recovered_bytes;
  }

  std::uint64_t dropped = 0;  // records
  std::uint64_t removed = 0;  // publications, by the byte bound

 private:
  static void expire(Channel& c, SteadyTime now) {
    auto& g = c.now();
    while (g.first <= g.top() && now - g.at[g.first - 1] >= c.options.time) ++g.first;
  }
  template <class Which>
  Channel* oldest_of(Which which) {
    Channel* found = nullptr;
    for (auto& c : channels) {
      if (which(c) && (found == nullptr || c.published < found->published)) found = &c;
    }
    return found;
  }

  const broker::Streams::Limits limits_;
  std::uint64_t published_ = 0;
};

}  // namespace gatecast::hub::testing
