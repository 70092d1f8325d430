// The server that MemoryBrokers share.
#include <algorithm>

#include "broker/memory_broker.hpp"

namespace gatecast::broker {
namespace {
using Lock = std::lock_guard<std::recursive_mutex>;
constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15u;
}  // namespace

void MemoryTruth::lose() {
  for (auto* node : nodes_) node->cut();
}

void MemoryTruth::mend() {
  for (auto* node : nodes_) node->mend();
}

void MemoryTruth::restart_empty() {
  lose();
  if (on_gone) {
    for (const auto& [channel, kept] : state_.kept) on_gone(channel);
  }
  state_ = {};
  replica_.reset();
  followed_ = false;
  mend();
}

void MemoryTruth::follow() {
  followed_ = true;
  replica_.reset();
}

void MemoryTruth::freeze() { replica_ = state_; }

void MemoryTruth::promote() {
  lose();
  if (replica_) {
    if (on_gone) {
      for (const auto& [channel, kept] : state_.kept) {
        if (!replica_->kept.contains(channel)) on_gone(channel);
      }
    }
    state_ = std::move(*replica_);
    replica_.reset();
  }
  followed_ = false;
  for (auto& [channel, kept] : state_.kept) {
    for (auto& [epoch, until] : kept.former) until = std::min(until, kept.top);
    const std::uint64_t before = std::exchange(kept.epoch, new_epoch());
    kept.former[before] = kept.top;
    for (auto& entry : kept.entries) {
      auto again = std::make_shared<Publication>(*entry.publication);
      again->epoch = kept.epoch;
      entry.publication = std::move(again);
    }
    if (on_forked) on_forked(channel, {kept.top, before}, kept.epoch);
  }
  mend();
}

std::uint64_t MemoryTruth::new_epoch() {
  std::uint64_t x = (seed_ + ++epochs_) * kOdd;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  return (x ^ (x >> 31)) % (kEpochs - 1) + 1;
}

MemoryTruth::Kept& MemoryTruth::get(std::string_view channel) {
  const auto [at, made] = state_.kept.try_emplace(std::string(channel));
  if (made) at->second.epoch = new_epoch();
  return at->second;
}

StreamPosition MemoryTruth::position(const std::string& channel) {
  Lock lock(mutex_);
  const Kept& kept = get(channel);
  return {kept.top, kept.epoch};
}

void MemoryTruth::expire(Kept& kept) const {
  while (!kept.entries.empty() && clock_.steady() - kept.entries.front().at >= kept.time) kept.entries.pop_front();
}

/// The offset that a position means in the present epoch.
std::optional<std::uint64_t> MemoryTruth::known(const Kept& kept, StreamPosition since) {
  if (since.epoch == kAnyEpoch || since.epoch == kept.epoch) {
    return since.offset <= kept.top ? std::optional(since.offset) : std::nullopt;
  }
  const auto at = kept.former.find(since.epoch);
  if (at == kept.former.end() || since.offset > at->second) return std::nullopt;
  return since.offset;
}

Result<StreamPosition> MemoryTruth::publish(std::shared_ptr<const Publication> publication,
                                            const PublishOptions& options) {
  const std::string key = publication->channel + '\n' + options.idempotency_key;
  if (!options.idempotency_key.empty()) {
    if (const auto at = state_.done.find(key);
        at != state_.done.end() && clock_.steady() - at->second.at < kIdempotent) {
      return at->second.place;
    }
  }
  if (!options.history.on()) {
    if (!options.idempotency_key.empty()) state_.done[key] = {{}, clock_.steady()};
    if (on_taken) on_taken(*publication);
    pass_on(publication);
    return StreamPosition{};
  }
  Kept& kept = get(publication->channel);
  const auto& history = options.history;
  const bool compared = history.version != 0 && kept.version != 0 &&
                        (history.version_epoch == 0 || history.version_epoch == kept.version_epoch);
  if (compared && history.version <= kept.version) return StreamPosition{kept.top, kept.epoch};
  if (history.version != 0) {
    kept.version = history.version;
    kept.version_epoch = history.version_epoch;
  }
  auto numbered = std::make_shared<Publication>(*publication);
  numbered->offset = ++kept.top;
  numbered->epoch = kept.epoch;
  kept.time = history.time;
  expire(kept);
  while (kept.entries.size() >= history.size) kept.entries.pop_front();
  kept.entries.push_back({numbered, clock_.steady()});
  const StreamPosition place{kept.top, kept.epoch};
  if (!options.idempotency_key.empty()) state_.done[key] = {place, clock_.steady()};
  if (on_taken) on_taken(*numbered);
  pass_on(numbered);
  if (options.durable && (!followed_ || replica_)) return Errc::publication_unconfirmed;
  return place;
}

Result<HistoryPage> MemoryTruth::history(std::string_view channel, const HistoryQuery& query) {
  Kept& kept = get(channel);
  expire(kept);
  HistoryPage page{.publications = {}, .top = {kept.top, kept.epoch}};
  std::optional<std::uint64_t> since;
  if (query.since) {
    since = query.since->offset;
    const bool same = query.since->epoch == kAnyEpoch || query.since->epoch == kept.epoch;
    if (!same && !known(kept, *query.since)) return Errc::unrecoverable_position;
    if (query.reverse && *since == 0) return fail(Errc::bad_request, "a reverse read before the first publication");
  }
  const std::size_t most = query.limit < 0 ? page_ : std::min(static_cast<std::uint32_t>(query.limit), page_);
  const auto take = [&](const Entry& entry) {
    if (page.publications.size() < most) page.publications.push_back(entry.publication);
  };
  if (query.reverse) {
    for (auto at = kept.entries.rbegin(); at != kept.entries.rend(); ++at) {
      if (!since || at->publication->offset < *since) take(*at);
    }
  } else {
    for (const auto& entry : kept.entries) {
      if (!since || entry.publication->offset > *since) take(entry);
    }
  }
  return page;
}

Recovered MemoryTruth::recover(std::string_view channel, StreamPosition since, std::uint32_t most) {
  Kept& kept = get(channel);
  expire(kept);
  Recovered got{.recovered = false, .publications = {}, .top = {kept.top, kept.epoch}};
  const auto from = known(kept, since);
  const std::uint64_t first = kept.top + 1 - kept.entries.size();
  if (!from || *from + 1 < first) return got;
  got.recovered = true;
  for (const auto& entry : kept.entries) {
    if (entry.publication->offset > *from && got.publications.size() < most) {
      got.publications.push_back(entry.publication);
    }
  }
  return got;
}

void MemoryTruth::clear(std::string_view channel) {
  if (const auto at = state_.kept.find(channel); at != state_.kept.end()) at->second.entries.clear();
}

void MemoryTruth::enter(std::string_view channel, const ClientInfoRef& who, const MemoryBroker& node, bool listed,
                        bool told) {
  state_.present[std::string(channel)][who->client] = {who, &node, listed, told};
}

void MemoryTruth::leave(std::string_view channel, const ClientInfoRef& who) {
  const auto at = state_.present.find(channel);
  if (at == state_.present.end()) return;
  at->second.erase(who->client);
  if (at->second.empty()) state_.present.erase(at);
}

/// Those who are left take out whom a node that is gone had entered, and tell of it.
void MemoryTruth::gone(const MemoryBroker& node) {
  std::vector<PublicationRef> leaves;
  for (auto& [channel, clients] : state_.present) {
    std::erase_if(clients, [&](const auto& entry) {
      if (entry.second.node != &node) return false;
      if (entry.second.told) {
        leaves.push_back(presence_news(channel, *entry.second.who, PublicationKind::leave));
      }
      return true;
    });
  }
  std::erase_if(state_.present, [](const auto& entry) { return entry.second.empty(); });
  for (const auto& leave : leaves) pass_on(leave);
}

void MemoryTruth::pass_on(const PublicationRef& publication) {
  for (auto* node : nodes_) node->deliver(publication);
}

}  // namespace gatecast::broker
