// A channel's home, and how the other shards reach it.
#include "hub/hub.hpp"

namespace gatecast::hub {
namespace {
// What a small message weighs in a data lane.
constexpr std::size_t kMessageBytes = 128;
}  // namespace

unsigned Hub::home_of(std::string_view channel) const {
  return static_cast<unsigned>(std::hash<std::string_view>{}(channel) % mesh_.hubs.size());
}

void Hub::set_home_mask(Channel& channel, std::uint64_t mask) {
  if (channel.home_mask == 0 && mask != 0) ++home_count_;
  if (channel.home_mask != 0 && mask == 0) --home_count_;
  channel.home_mask = mask;
}

void Hub::ask_home(Channel& channel) {
  channel.registration = ++last_registration_;
  const unsigned home = home_of(channel.name);
  if (home == shard_) return home_register(channel.name, shard_, channel.registration);
  mesh_.post_control(home, [hub = mesh_.hubs[home], name = channel.name, from = shard_, n = channel.registration] {
    hub->home_register(name, from, n);
  });
}

void Hub::leave_home(Channel& channel) {
  if (channel.registration == 0) return;
  channel.registration = 0;
  channel.active = false;
  const unsigned home = home_of(channel.name);
  if (home == shard_) {
    set_home_mask(channel, channel.home_mask & ~(std::uint64_t{1} << shard_));
    return;
  }
  mesh_.post_control(
      home, [hub = mesh_.hubs[home], name = channel.name, from = shard_] { hub->home_unregister(name, from); });
}

void Hub::home_register(const std::string& name, unsigned from, std::uint32_t registration) {
  auto& channel = get(name);
  set_home_mask(channel, channel.home_mask | std::uint64_t{1} << from);
  if (from == shard_) return answer(std::string(name), registration, true);
  // The answer goes the way of the publications, so that none can overtake it.
  auto* hub = mesh_.hubs[from];
  if (mesh_.post_data(from, kMessageBytes, [hub, name, registration] { hub->answer(name, registration, true); }))
    return;
  home_unregister(name, from);
  mesh_.post_control(from, [hub, name, registration] { hub->answer(name, registration, false); });
}

void Hub::home_unregister(const std::string& name, unsigned from) {
  auto* channel = find(name);
  if (channel == nullptr) return;
  set_home_mask(*channel, channel->home_mask & ~(std::uint64_t{1} << from));
  drop_if_unused(*channel);
}

void Hub::answer(const std::string& name, std::uint32_t registration, bool accepted) {
  check_.assert_here();
  auto* channel = find(name);
  // A registration that was given up meanwhile has another number.
  if (channel == nullptr || channel->registration != registration) return;
  channel->active = accepted;
  if (!accepted) channel->registration = 0;
  // Each call may subscribe, unsubscribe or end clients of this very channel: look again after each.
  while (channel != nullptr && !channel->waiting.empty() && channel->registration == (accepted ? registration : 0)) {
    auto next = std::move(channel->waiting.front());
    channel->waiting.erase(channel->waiting.begin());
    if (accepted) add(*channel, *next.client);
    --next.client->waiting_;
    next.done(accepted ? Result<void>{} : Result<void>{Errc::overloaded});
    channel = find(name);
  }
  if (channel != nullptr && channel->subscribers.empty() && channel->waiting.empty()) close_channel(*channel);
}

Task<Result<broker::StreamPosition>> Hub::publish(broker::PublicationRef publication) {
  check_.assert_here();
  using Answer = Result<broker::StreamPosition>;
  const unsigned home = home_of(publication->channel);
  if (home == shard_) {
    if (!may_take_data()) co_return Errc::overloaded;
    home_publish(publication);
    co_return broker::StreamPosition{};
  }
  const std::size_t bytes = publication->data.size() + kMessageBytes;
  Mesh& mesh = mesh_;
  co_return co_await arrival<Answer>([&mesh, home, bytes, &publication](Resume<Answer> resume) {
    auto back = std::make_shared<Resume<Answer>>(std::move(resume));
    const bool taken = mesh.post_data(home, bytes, [hub = mesh.hubs[home], publication, back] {
      hub->home_publish(publication);
      (*back)(broker::StreamPosition{});
    });
    if (!taken) (*back)(Errc::overloaded);
  });
}

void Hub::home_publish(const broker::PublicationRef& publication) {
  check_.assert_here();
  ++stats_.publications;
  const auto* channel = find(publication->channel);
  if (channel == nullptr) return;
  for (std::uint64_t mask = channel->home_mask; mask != 0; mask &= mask - 1) {
    const auto to = static_cast<unsigned>(std::countr_zero(mask));
    if (to == shard_) {
      deliver(*publication);
      continue;
    }
    auto* hub = mesh_.hubs[to];
    const std::size_t bytes = publication->data.size() + kMessageBytes;
    if (mesh_.post_data(to, bytes, [hub, publication] { hub->deliver(*publication); })) continue;
    ++stats_.gapped;
    mesh_.post_control(to, [hub, name = publication->channel] { hub->gap(name); });
  }
}

void Hub::gap(const std::string& name) {
  check_.assert_here();
  auto* channel = find(name);
  if (channel == nullptr) return;
  if (!channel->active) {
    // The answer that is awaited lies in the lane before the hole; whoever got it would see the publications on both
    // sides of it. The home is asked again, and answers behind the hole.
    if (channel->registration != 0) ask_home(*channel);
    return;
  }
  std::vector<Client*> told;
  for (const auto& s : channel->subscribers) told.push_back(s.client);
  // on_gap ends subscriptions of this channel; nobody is destroyed before the end of the turn.
  for (auto* client : told) client->on_gap(name);
}

}  // namespace gatecast::hub
