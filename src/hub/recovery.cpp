// What was missed: by a subscriber that was away, and by a shard whose mailbox was full.
#include "hub/hub.hpp"

namespace gatecast::hub {
namespace {

// What a small message weighs in a data lane.
constexpr std::size_t kMessageBytes = 128;

std::size_t bytes_of(const broker::Recovered& recovered) {
  std::size_t bytes = kMessageBytes;
  for (const auto& publication : recovered.publications) bytes += publication->data.size() + 64;
  return bytes;
}

/// Keeps the oldest up to `most` bytes, one at least: a long history must fit a lane.
void cut(broker::Recovered& recovered, std::size_t most) {
  std::size_t bytes = 0, count = 0;
  for (const auto& publication : recovered.publications) {
    bytes += publication->data.size() + 64;
    if (count > 0 && bytes > most) break;
    ++count;
  }
  recovered.publications.resize(count);
}

}  // namespace

void Hub::ask_recovery(const std::string& name, std::uint32_t number, bool again) {
  const auto* channel = find(name);
  if (channel == nullptr) return;
  const auto waiting = std::ranges::find(channel->waiting, number, &Channel::Waiting::recovery);
  if (waiting == channel->waiting.end()) return;
  const broker::StreamPosition since = *waiting->options.recover;
  const bool newest_only = waiting->options.newest_only;
  const FilterRef filter = waiting->options.filter;
  const unsigned home = home_of(name);
  if (home == shard_ && !again) return home_recover(name, shard_, number, since, newest_only, filter, true);
  mesh_.post_control(home, [hub = mesh_.hubs[home], name, from = shard_, number, since, newest_only, filter] {
    hub->home_recover(name, from, number, since, newest_only, filter, false);
  });
}

void Hub::home_recover(const std::string& name, unsigned from, std::uint32_t number,
                       const broker::StreamPosition& since, bool newest_only, const FilterRef& filter, bool at_once) {
  check_.assert_here();
  if (shared_ != nullptr) return shared_->recover(name, {from, number, since, newest_only, filter});
  broker::Streams::Fits fits;
  if (filter != nullptr) fits = [&filter](const broker::Publication& p) { return filter->matches(p.tags); };
  auto got = newest_only ? streams_.newest(name, since, fits)
                         : streams_.recover(name, since, broker::Streams::Bounded::for_reply, fits);
  if (at_once) return recovery(name, number, std::move(got));
  answer_recovery(from, name, number, std::move(got));
}

void Hub::answer_recovery(unsigned from, const std::string& name, std::uint32_t number, Result<broker::Recovered> got) {
  // With a broker everything before it has been handed out on this shard already.
  if (from == shard_ && shared_ != nullptr) return recovery(name, number, std::move(got));
  auto* hub = mesh_.hubs[from];
  Errc code = Errc::overloaded;
  if (got) {
    // Behind what was published before, ahead of what comes after: when it arrives, the shard stands where it ends.
    const std::size_t bytes = bytes_of(*got);
    if (mesh_.post_data(from, bytes, [hub, name, number, got = std::move(got)]() mutable {
          hub->recovery(name, number, std::move(got));
        })) {
      return;
    }
  } else {
    code = got.error().code;
  }
  mesh_.post_control(from, [hub, name, number, code] { hub->recovery(name, number, code); });
}

void Hub::recovery(const std::string& name, std::uint32_t number, Result<broker::Recovered> got) {
  check_.assert_here();
  auto* channel = find(name);
  if (channel == nullptr) return;
  const auto waiting = std::ranges::find(channel->waiting, number, &Channel::Waiting::recovery);
  if (waiting == channel->waiting.end()) return;
  // A shard that lost something on the way, or was registered anew, does not stand where the answer ends: asked again,
  // the home answers behind what makes it whole. A history that was dropped shows here first: nothing published since
  // has said so.
  if (got && (!channel->active || channel->position != got->top)) {
    // Asked of a broker at once, each time anew, it could not answer otherwise before the shard has what it misses.
    waiting->held = shared_ != nullptr;
    if (channel->active && channel->refill == Channel::Refill::none) refill(*channel);
    if (shared_ != nullptr) return;
    return ask_recovery(name, number, true);
  }

  auto next = std::move(*waiting);
  channel->waiting.erase(waiting);
  no_longer_waiting(*channel);
  --next.client->waiting_;
  if (got && queues_full()) {
    ++stats_.busy;
    next.done(Errc::queues_full);
  } else if (got) {
    add(*channel, *next.client, next.options, got->publications.empty() ? nullptr : got->publications.back());
    ++(got->recovered ? stats_.recovered : stats_.unrecovered);
    next.done(
        Subscribed{.position = got->top, .recovered = got->recovered, .publications = std::move(got->publications)});
  } else {
    next.done(got.error());
  }
  channel = find(name);
  if (channel != nullptr && channel->subscribers.empty() && channel->waiting.empty()) close_channel(*channel);
}

void Hub::ask_held(const std::string& name) {
  auto* channel = find(name);
  if (channel == nullptr || !channel->active || channel->refill != Channel::Refill::none) return;
  std::vector<std::uint32_t> numbers;
  for (auto& waiting : channel->waiting) {
    if (std::exchange(waiting.held, false)) numbers.push_back(waiting.recovery);
  }
  for (const auto number : numbers) ask_recovery(name, number, true);
}

void Hub::refill(Channel& channel) {
  // The home may have answered already, before what is missed now.
  if (channel.refill != Channel::Refill::none) {
    channel.refill = Channel::Refill::again;
    return;
  }
  channel.refill = Channel::Refill::asked;
  const unsigned home = home_of(channel.name);
  mesh_.post_control(home, [hub = mesh_.hubs[home], name = channel.name.text(), from = shard_, n = channel.registration,
                            since = channel.position] { hub->home_refill(name, from, n, since); });
}

void Hub::home_refill(const std::string& name, unsigned from, std::uint32_t registration,
                      const broker::StreamPosition& since) {
  check_.assert_here();
  if (shared_ != nullptr) return shared_->refill(name, from, registration, since);
  answer_refill(from, name, registration, since, streams_.recover(name, since, broker::Streams::Bounded::by_history));
}

void Hub::answer_refill(unsigned from, const std::string& name, std::uint32_t registration,
                        const broker::StreamPosition& since, broker::Recovered got) {
  cut(got, limits_.refill_bytes);
  auto* hub = mesh_.hubs[from];
  const std::size_t bytes = bytes_of(got);
  if (mesh_.post_data(from, bytes, [hub, name, registration, since, got = std::move(got)] {
        hub->refilled(name, registration, since, got);
      })) {
    return;
  }
  mesh_.post_control(from,
                     [hub, name, registration, since] { hub->refilled(name, registration, since, std::nullopt); });
}

void Hub::refilled(const std::string& name, std::uint32_t registration, const broker::StreamPosition& since,
                   const std::optional<broker::Recovered>& got) {
  check_.assert_here();
  auto* channel = find(name);
  if (channel == nullptr || channel->registration != registration || !channel->active) return;
  const bool again = std::exchange(channel->refill, Channel::Refill::none) == Channel::Refill::again;
  // The lane was full still: by the time the home is asked again some of it has been taken.
  if (!got) return refill(*channel);
  // What lay in the lane when the home was asked has brought the shard further: the history may reach back to there.
  if (!got->recovered && channel->position != since) return refill(*channel);
  for (const auto& publication : got->publications) {
    // What came by itself meanwhile is not handed out again.
    if (publication->offset <= channel->position.offset || !follows(*channel, *publication)) continue;
    ++stats_.refilled;
    hand_out(*channel, publication);
  }
  bool more = again;
  if (!got->recovered) {
    channel->position = got->top;
    tell_gap(*channel);
    channel = find(name);  // its last subscribers may have gone
  } else if (channel->position.epoch == got->top.epoch && channel->position.offset < got->top.offset) {
    more = true;  // not all of it fitted one answer
  }
  if (more && channel != nullptr && channel->registration == registration) return refill(*channel);
  if (shared_ != nullptr) ask_held(name);
}

/// Each shard is told in the lane of the publications, or finds it out by asking.
void Hub::spread_move(const Channel& channel, broker::StreamPosition to) {
  const std::string name = channel.name.text();
  for (std::uint64_t mask = channel.home_mask; mask != 0; mask &= mask - 1) {
    const auto shard = static_cast<unsigned>(std::countr_zero(mask));
    if (shard == shard_) continue;
    auto* hub = mesh_.hubs[shard];
    if (mesh_.post_data(shard, kMessageBytes, [hub, name, to] { hub->moved(name, to); })) continue;
    ++stats_.gapped;
    mesh_.post_control(shard, [hub, name, kept = to.epoch != 0] { hub->gap(name, kept); });
  }
  if ((channel.home_mask >> shard_ & 1) != 0) moved(name, to);
}

void Hub::moved(const std::string& name, broker::StreamPosition to) {
  check_.assert_here();
  auto* channel = find(name);
  if (channel == nullptr || !channel->active) return;
  channel->position = to;
  tell_gap(*channel);
}

void Hub::tell_gap(Channel& channel) {
  std::vector<Client*> told;
  for (const auto& s : channel.subscribers) told.push_back(s.client);
  // on_gap ends subscriptions of this channel; nobody is destroyed before the end of the turn.
  const std::string name = channel.name.text();
  for (auto* client : told) client->on_gap(name);
}

}  // namespace gatecast::hub
