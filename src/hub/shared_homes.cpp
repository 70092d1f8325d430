// Homes come and go, and what comes for them is handed out in order.
#include "hub/shared_homes.hpp"

#include "hub/shared_homes_busy.hpp"

namespace gatecast::hub {

SharedHomes::Home::Home() {
  static_assert(sizeof(Home) <= 40, "part of what an idle client costs: its personal channel");
}
SharedHomes::Home::~Home() = default;

SharedHomes::SharedHomes(Hub& hub, broker::Broker& broker, SharedLimits limits, std::uint64_t seed)
    : hub_(hub), broker_(broker), limits_(limits), pushes_(broker, limits.pushes, seed) {}
SharedHomes::~SharedHomes() { stop(); }

void SharedHomes::stop() {
  if (!std::exchange(stopped_, true)) broker_.stop();
}

SharedHomes::Found SharedHomes::find(std::string_view name) const {
  Channel* channel = hub_.find(name);
  if (channel == nullptr || !channel->listened) return {};
  return {channel, homes_.find(channel)->second.get()};
}

SharedHomes::Found SharedHomes::find(std::string_view name, std::uint32_t number) const {
  const Found found = find(name);
  return found && found.home->number == number ? found : Found{};
}

/// The channel may be gone, and another one in its place.
SharedHomes::Home* SharedHomes::find(const Ref& ref) const {
  const auto at = homes_.find(ref.channel);
  return at != homes_.end() && at->second->number == ref.number ? at->second.get() : nullptr;
}

SharedHomes::Busy& SharedHomes::busy(Home& home) {
  if (home.busy == nullptr) home.busy = std::make_unique<Busy>();
  return *home.busy;
}

void SharedHomes::calm(Home& home) {
  if (home.busy != nullptr && home.busy->over()) home.busy.reset();
}

bool SharedHomes::awaits(const Home& home) {
  return !home.ready || (home.busy != nullptr && (!home.busy->asks.empty() || !home.busy->deferred.empty()));
}

std::uint32_t SharedHomes::second() const {
  return static_cast<std::uint32_t>(
      std::chrono::floor<std::chrono::seconds>(hub_.clock_.steady().time_since_epoch()).count());
}

void SharedHomes::enroll(const std::string& name, unsigned from, std::uint32_t registration, bool kept) {
  Channel& channel = hub_.get(name);
  if (!channel.listened) {
    auto made = std::make_unique<Home>();
    made->number = ++last_number_;
    made->kept = kept;
    homes_.emplace(&channel, std::move(made));
    channel.listened = true;
    round_.push_back({&channel, last_number_});
    broker_.listen(name, kept, [this, name, number = last_number_](const Result<broker::StreamPosition>& done) {
      listening(name, number, done);
    });
  }
  Home& home = *homes_.find(&channel)->second;
  home.idle = false;
  if (!home.ready) {
    busy(home).registrations.push_back({from, registration});
    home.kept = home.kept || kept;
    return;
  }
  if (kept && !home.kept) {
    // The namespace has got a history since; the broker knows where the channel stands.
    home.kept = true;
    ask(channel, home);
  }
  hub_.admit(channel, from, registration, home.at);
}

void SharedHomes::withdraw(Channel& channel, unsigned from) {
  if (!channel.listened) return;
  Home& home = *homes_.find(&channel)->second;
  if (home.busy != nullptr) {
    std::erase_if(home.busy->registrations, [from](const auto& r) { return r.from == from; });
  }
  const bool awaited = home.busy != nullptr && !home.busy->registrations.empty();
  if (channel.home_mask == 0 && !awaited) grow_idle(channel, home);
}

void SharedHomes::grow_idle(Channel& channel, Home& home) {
  home.idle = true;
  home.idle_since = second();
  if (!home.in_line) line_.push_back({&channel, home.number});
  home.in_line = true;
}

void SharedHomes::listening(const std::string& name, std::uint32_t number, const Result<broker::StreamPosition>& done) {
  const Found found = find(name, number);
  if (!found) return;
  Home& home = *found.home;
  auto waiting = home.busy == nullptr ? std::vector<Busy::Registration>{} : std::move(home.busy->registrations);
  if (home.busy != nullptr) home.busy->registrations.clear();
  if (!done) {
    refuse_deferred(*found.channel, home, done.error().code);
    retire(*found.channel);
    for (const auto& r : waiting) hub_.refuse_registration(r.from, name, r.number, done.error().code);
    return;
  }
  home.ready = true;
  home.at = *done;
  home.seen = second();
  for (const auto& r : waiting) hub_.admit(*found.channel, r.from, r.number, home.at);
  // A shard that could not be answered has left; others may be here.
  home.idle = home.idle && found.channel->home_mask == 0;
  if (home.again && home.kept) ask(*found.channel, home);  // interrupted since
  home.again = home.again && home.kept;
  settle(*found.channel, home);
}

/// The channel is listened to no longer.
void SharedHomes::retire(Channel& channel) {
  broker_.unlisten(channel.name.view());
  homes_.erase(&channel);
  channel.listened = false;
  hub_.drop_if_unused(channel);
}

void SharedHomes::on_publication(broker::PublicationRef publication) {
  hub_.check_.assert_here();
  const Found found = find(publication->channel);
  if (!found) return;
  Home& home = *found.home;
  if (publication->offset == 0) {
    if (home.ready) hand_on(publication);
    return;
  }
  const bool waits = !home.ready || home.asking || (home.busy != nullptr && home.busy->target);
  if (waits) return keep_pending(home, std::move(publication));
  if (take(home, publication)) return;
  keep_pending(home, std::move(publication));
  ask(*found.channel, home);
}

/// Hands it out where it is the next one; true also where it has been handed out before.
bool SharedHomes::take(Home& home, const broker::PublicationRef& publication) {
  auto& at = home.at;
  if (publication->epoch != at.epoch || publication->offset > at.offset + 1) return false;
  if (publication->offset <= at.offset) return true;
  ++at.offset;
  home.seen = second();
  if (home.busy != nullptr && !home.busy->asks.empty()) {
    auto& busy = *home.busy;
    busy.noted.push_back(publication);
    busy.noted_bytes += publication->data.size() + 64;
    // Beyond what a reply may have none of them is of use: then it is asked for again.
    if (busy.noted.size() > hub_.limits_.streams.page || busy.noted_bytes > hub_.limits_.refill_bytes) {
      busy.noted.clear();
      busy.noted_bytes = 0;
    }
  }
  hand_on(publication);
  return true;
}

void SharedHomes::hand_on(const broker::PublicationRef& publication) {
  if (received && publication->channel.starts_with('#')) received(*publication);
  hub_.home_spread(publication);
}

void SharedHomes::keep_pending(Home& home, broker::PublicationRef publication) {
  Busy& b = busy(home);
  const std::size_t bytes = publication->data.size() + 64;
  if (b.pending.size() >= limits_.pending || b.pending_bytes + bytes > limits_.pending_bytes) {
    b.overflow = true;
    return;
  }
  b.pending_bytes += bytes;
  b.pending.push_back(std::move(publication));
}

/// What came meanwhile. `asked`: the broker has said what there is up to a moment behind the first
/// `pending_when_asked` of them, so that what still does not follow is of a stream that is gone.
void SharedHomes::take_pending(Channel& channel, Home& home, bool asked) {
  if (home.busy == nullptr) return;
  Busy& b = *home.busy;
  std::size_t old = asked ? b.pending_when_asked : 0;
  bool hole = std::exchange(b.overflow, false);
  while (!b.pending.empty()) {
    const auto publication = b.pending.front();
    if (!take(home, publication)) {
      if (old == 0) {
        hole = true;
        if (publication->epoch == home.at.epoch || !asked) break;  // the next answer tells
      }
    }
    if (old > 0) --old;
    b.pending_bytes -= publication->data.size() + 64;
    b.pending.pop_front();
  }
  b.pending_when_asked = 0;
  if (hole) ask(channel, home);
}

void SharedHomes::on_interrupted(std::string_view name) {
  hub_.check_.assert_here();
  const Found found = find(name);
  if (!found) return;
  ++stats_.interrupted;
  Home& home = *found.home;
  if (!home.ready) {
    home.again = true;
  } else if (home.kept) {
    ask(*found.channel, home);
  } else if (found.channel->home_mask != 0) {
    tell_later(*found.channel, home, home.at);
  }
}

void SharedHomes::tend() {
  hub_.check_.assert_here();
  const SteadyTime now = hub_.clock_.steady();
  const std::uint32_t s = second();
  for (auto& ref : std::exchange(telling_, {})) {
    Home* home = find(ref);
    if (home == nullptr || home->busy == nullptr || !home->busy->target) continue;
    if (home->busy->tell_at > now) {
      telling_.push_back(ref);
      continue;
    }
    move(*ref.channel, *home, *home->busy->target);
    settle(*ref.channel, *home);
  }
  if (std::exchange(retried_, s) != s) {
    pushes_.retry();
    for (const auto& name : std::exchange(retry_, {})) {
      if (const Found found = find(name)) ask(*found.channel, *found.home);
    }
    for (const auto& wish : std::exchange(refills_, {})) refill(wish.name, wish.from, wish.registration, wish.since);
  }
  const auto linger = static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(limits_.linger).count());
  while (!line_.empty()) {
    const Ref ref = line_.front();
    Home* home = find(ref);
    // Whoever waits for an answer has it soon; a shard that registers anew meanwhile counts on it.
    if (home != nullptr && home->idle && awaits(*home)) break;
    if (home != nullptr && home->idle && s - home->idle_since < linger && line_.size() <= limits_.lingering) break;
    line_.pop_front();
    if (home == nullptr) continue;
    home->in_line = false;
    if (home->idle) retire(*ref.channel);
  }
  // In as many steps as `look_every` has tenths of a second each home has its turn.
  const auto steps =
      static_cast<std::size_t>(std::max<std::int64_t>(1, limits_.look_every / std::chrono::milliseconds{100}));
  unsigned looks = 0;
  for (std::size_t n = round_.size() / steps + 1; n > 0 && !round_.empty() && looks < limits_.looks; --n) {
    const Ref ref = round_.front();
    round_.pop_front();
    Home* home = find(ref);
    if (home == nullptr) continue;
    round_.push_back(ref);
    const bool due = std::chrono::seconds{s - home->seen} >= limits_.look_every;
    if (!due || !home->ready || !home->kept || home->idle || home->queued || home->asking) continue;
    ++looks;
    ask(*ref.channel, *home);
  }
}

}  // namespace gatecast::hub
