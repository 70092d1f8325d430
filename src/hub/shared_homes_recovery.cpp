// What subscribers and shards missed, asked of the broker: the answer ends where the home stands when it is passed on.
#include "hub/shared_homes.hpp"
#include "hub/shared_homes_busy.hpp"

namespace gatecast::hub {
namespace {

/// A home that hears less than the broker answers is asked so often.
constexpr unsigned kAttempts = 5;

broker::Recovered newest_of(broker::HistoryPage page) {
  std::ranges::reverse(page.publications);
  return {.recovered = true, .publications = std::move(page.publications), .top = page.top};
}

}  // namespace

void SharedHomes::recover(const std::string& name, Asker asker) {
  const Found found = find(name);
  if (!found) return hub_.answer_recovery(asker.from, name, asker.number, Errc::temporarily_unavailable);
  Home& home = *found.home;
  if (!home.ready) return busy(home).deferred.push_back(std::move(asker));
  begin_recovery(name, home, std::move(asker));
}

void SharedHomes::begin_recovery(const std::string& name, Home& home, Asker asker) {
  Busy& b = busy(home);
  home.kept = true;
  const bool all = asker.newest_only && asker.filter != nullptr;
  for (auto& ask : b.asks) {
    const Asker& first = ask.askers.front();
    const bool first_all = first.newest_only && first.filter != nullptr;
    if (first.since != asker.since || first.newest_only != asker.newest_only || first_all != all) continue;
    return ask.askers.push_back(std::move(asker));
  }
  if (recoveries_ >= limits_.recoveries) {
    hub_.answer_recovery(asker.from, name, asker.number, Errc::overloaded);
    return calm(home);
  }
  ++recoveries_;
  const std::uint32_t id = ++last_ask_;
  const std::uint32_t number = home.number;
  const std::uint32_t page = hub_.limits_.streams.page;
  const broker::StreamPosition since = asker.since;
  const bool newest = asker.newest_only;
  b.asks.push_back({id, {}});
  b.asks.back().askers.push_back(std::move(asker));
  if (!newest) {
    return broker_.recover(name, since, page, [this, name, number, id](Result<broker::Recovered> got) {
      recovered(name, number, id, std::move(got));
    });
  }
  const broker::HistoryQuery query{.limit = all ? static_cast<std::int32_t>(page) : 1, .reverse = true};
  broker_.history(name, query, [this, name, number, id](Result<broker::HistoryPage> got) {
    recovered(name, number, id, got ? Result<broker::Recovered>(newest_of(std::move(*got))) : got.error());
  });
}

void SharedHomes::recovered(const std::string& name, std::uint32_t number, std::uint32_t id,
                            Result<broker::Recovered> got) {
  --recoveries_;
  const Found found = find(name, number);
  if (!found) return;
  Channel& channel = *found.channel;
  Home& home = *found.home;
  const auto at = std::ranges::find(home.busy->asks, id, &Ask::id);
  Ask ask = std::move(*at);
  home.busy->asks.erase(at);
  if (!got) {
    for (const auto& asker : ask.askers) hub_.answer_recovery(asker.from, name, asker.number, got.error().code);
    return calm(home);
  }
  // Who comes back now is not to wait until the others are told.
  if (got->top.epoch != home.at.epoch) {
    move(channel, home, got->top);
  } else if (home.busy->target && home.busy->target->epoch != home.at.epoch) {
    move(channel, home, *home.busy->target);
  }
  for (const auto& publication : got->publications) {
    if (publication->epoch == home.at.epoch) take(home, publication);
  }
  const bool behind = got->recovered && home.at.offset < got->top.offset;
  const bool whole = add_noted(home, *got);
  if (got->recovered && (behind || !whole || got->top.epoch != home.at.epoch)) {
    for (auto& asker : ask.askers) {
      if (++asker.attempts < kAttempts) {
        busy(home).deferred.push_back(std::move(asker));
      } else {
        hub_.answer_recovery(asker.from, name, asker.number, Errc::overloaded);
      }
    }
    if (behind) this->ask(channel, home);
  } else {
    for (const auto& asker : ask.askers) {
      hub_.answer_recovery(asker.from, name, asker.number, reply_of(*got, asker, home.at));
    }
  }
  if (home.busy != nullptr && home.busy->asks.empty()) {
    home.busy->noted.clear();
    home.busy->noted_bytes = 0;
  }
  if (!home.asking && !home.queued && !(home.busy != nullptr && home.busy->target)) settle(channel, home);
}

/// Appends what was handed out since the broker answered; false where that is not known any more.
bool SharedHomes::add_noted(const Home& home, broker::Recovered& got) {
  if (got.top.epoch != home.at.epoch || got.top.offset >= home.at.offset) return true;
  if (home.busy == nullptr) return false;
  for (const auto& publication : home.busy->noted) {
    if (publication->epoch != got.top.epoch || publication->offset != got.top.offset + 1) continue;
    ++got.top.offset;
    if (got.recovered) got.publications.push_back(publication);
  }
  return got.top.offset == home.at.offset;
}

/// What this one gets of it, within the bounds of a recovery: those of broker::Streams.
broker::Recovered SharedHomes::reply_of(const broker::Recovered& got, const Asker& asker,
                                        broker::StreamPosition at) const {
  broker::Recovered reply{.recovered = false, .publications = {}, .top = at};
  const auto fits = [&](const broker::Publication& p) { return !asker.filter || asker.filter->matches(p.tags); };
  const bool same = asker.since.epoch == broker::kAnyEpoch || asker.since.epoch == at.epoch;
  if (same && asker.since.offset == at.offset) {
    reply.recovered = true;
    return reply;
  }
  const auto& limits = hub_.limits_.streams;
  if (asker.newest_only) {
    for (auto p = got.publications.rbegin(); p != got.publications.rend(); ++p) {
      if (asker.filter && same && asker.since.offset <= at.offset && (**p).offset <= asker.since.offset) {
        reply.recovered = true;  // it has seen what fits up to there
        return reply;
      }
      if (!fits(**p)) continue;
      reply.publications.push_back(*p);
      reply.recovered = true;
      return reply;
    }
    return reply;
  }
  if (!got.recovered || asker.since.offset > at.offset || at.offset - asker.since.offset > limits.page) return reply;
  const bool all =
      got.publications.empty() ? asker.since.offset == at.offset : got.publications.back()->offset == at.offset;
  if (!all) return reply;
  std::size_t bytes = 0;
  for (const auto& publication : got.publications) {
    if (!fits(*publication)) continue;
    bytes += publication->data.size();
    if (bytes > limits.recovered_bytes) {
      reply.publications.clear();
      return reply;
    }
    reply.publications.push_back(publication);
  }
  reply.recovered = true;
  return reply;
}

void SharedHomes::refill(const std::string& name, unsigned from, std::uint32_t registration,
                         const broker::StreamPosition& since) {
  const Found found = find(name);
  if (!found || !found.home->ready) return;  // the shard has left meanwhile
  const broker::StreamPosition at = found.home->at;
  if (since.epoch != at.epoch || since.offset >= at.offset) {
    return hub_.answer_refill(from, name, registration, since,
                              {.recovered = since == at, .publications = {}, .top = at});
  }
  const std::uint32_t number = found.home->number;
  broker_.recover(name, since, hub_.limits_.streams.page,
                  [this, number, wish = Refill{name, from, registration, since}](Result<broker::Recovered> got) {
                    refill_answered(wish, number, std::move(got));
                  });
}

void SharedHomes::refill_answered(const Refill& wish, std::uint32_t number, Result<broker::Recovered> got) {
  const Found found = find(wish.name, number);
  if (!found) return;
  Home& home = *found.home;
  if (!got) return refills_.push_back(wish);
  if (got->top.epoch != home.at.epoch) {
    // The home has to find that out by itself; then every shard is told.
    ask(*found.channel, home);
    return refills_.push_back(wish);
  }
  // What the home has not handed out yet comes by itself, or is asked for.
  std::erase_if(got->publications, [&home](const auto& p) { return p->offset > home.at.offset; });
  if (!got->recovered) got->publications.clear();
  got->top = home.at;
  hub_.answer_refill(wish.from, wish.name, wish.registration, wish.since, std::move(*got));
}

}  // namespace gatecast::hub
