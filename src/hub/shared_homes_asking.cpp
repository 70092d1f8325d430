// A home asks the broker for what it has not got: once a channel, some channels at a time.
#include "hub/shared_homes.hpp"
#include "hub/shared_homes_busy.hpp"

namespace gatecast::hub {

void SharedHomes::ask(Channel& channel, Home& home) {
  if (home.asking || (home.busy != nullptr && home.busy->target)) {
    home.again = true;
    return;
  }
  if (home.queued) return;
  home.queued = true;
  (home.idle ? later_ : first_).push_back({&channel, home.number});
  ask_next();
}

void SharedHomes::ask_next() {
  while (in_flight_ < limits_.catching_up && !(first_.empty() && later_.empty())) {
    auto& next = first_.empty() ? later_ : first_;
    const Ref ref = next.front();
    next.pop_front();
    Home* home = find(ref);
    if (home == nullptr) continue;
    home->queued = false;
    home->asking = true;
    home->again = false;
    if (home->busy != nullptr) home->busy->pending_when_asked = home->busy->pending.size();
    ++in_flight_;
    ++stats_.asked;
    const std::string name = ref.channel->name.text();
    broker_.recover(name, home->at, hub_.limits_.streams.page,
                    [this, name, number = ref.number, since = home->at](Result<broker::Recovered> got) {
                      --in_flight_;
                      asked(name, number, since, std::move(got));
                      ask_next();
                    });
  }
}

void SharedHomes::asked(const std::string& name, std::uint32_t number, broker::StreamPosition since,
                        Result<broker::Recovered> got) {
  const Found found = find(name, number);
  if (!found) return;
  Channel& channel = *found.channel;
  Home& home = *found.home;
  home.asking = false;
  if (!got) {
    // Until it is asked again, what comes in order is handed out; the first hole waits.
    if (home.busy != nullptr) home.busy->pending_when_asked = 0;
    retry_.push_back(name);
    return refuse_deferred(channel, home, got.error().code);
  }
  if (got->top.epoch != home.at.epoch) return tell_later(channel, home, got->top);
  for (const auto& publication : got->publications) {
    const std::uint64_t before = home.at.offset;
    take(home, publication);
    stats_.caught_up += home.at.offset - before;
  }
  if (!got->recovered) {
    if (home.at == since) return tell_later(channel, home, got->top);
    home.again = true;  // a recovery has brought it further, and the history may reach back to there
  } else if (home.at.offset < got->top.offset) {
    home.again = true;  // there was more than one answer takes
  }
  home.seen = second();
  if (home.again) return ask(channel, home);
  take_pending(channel, home, true);
  if (!home.queued && !home.asking) settle(channel, home);
}

/// Publications are lost, or the epoch is another one. Until its subscribers have been told, nothing of the channel is
/// handed out.
void SharedHomes::tell_later(Channel& channel, Home& home, broker::StreamPosition target) {
  Busy& b = busy(home);
  b.target = target;
  const Duration spread = std::min<Duration>(limits_.tell_within, limits_.tell_apart * homes_.size());
  // Neighbours in time are far apart in this order (Knuth's multiplicative hashing).
  const double place = static_cast<double>(home.number * 2'654'435'761u) / 4'294'967'296.0;
  b.tell_at = hub_.clock_.steady() + std::chrono::duration_cast<Duration>(spread * place);
  telling_.push_back({&channel, home.number});
}

/// Subscribers are told, by every shard in its place among the publications.
void SharedHomes::move(Channel& channel, Home& home, broker::StreamPosition target) {
  ++stats_.moved;
  home.at = target;
  home.seen = second();
  if (home.busy != nullptr) {
    home.busy->target.reset();
    home.busy->noted.clear();
    home.busy->noted_bytes = 0;
  }
  const std::string name = channel.name.text();
  if (missed && name.starts_with('#')) missed(name);
  hub_.spread_move(channel, target);
}

/// It stands: what waited for that goes on.
void SharedHomes::settle(Channel& channel, Home& home) {
  take_pending(channel, home, home.busy != nullptr && home.busy->pending_when_asked > 0);
  const bool again = home.again;
  home.again = false;
  if (again) ask(channel, home);
  if (home.queued || home.asking || home.busy == nullptr) return calm(home);
  const std::string name = channel.name.text();
  for (auto& asker : std::exchange(home.busy->deferred, {})) begin_recovery(name, home, std::move(asker));
  calm(home);
}

void SharedHomes::refuse_deferred(Channel& channel, Home& home, Errc code) {
  if (home.busy == nullptr) return;
  const std::string name = channel.name.text();
  for (const auto& asker : std::exchange(home.busy->deferred, {})) {
    hub_.answer_recovery(asker.from, name, asker.number, code);
  }
}

}  // namespace gatecast::hub
