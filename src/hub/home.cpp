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
  channel.refill = Channel::Refill::none;  // an answer to the registration before is not awaited
  const unsigned home = home_of(channel.name);
  if (home == shard_) return home_register(channel.name.text(), shard_, channel.registration);
  mesh_.post_control(home, [hub = mesh_.hubs[home], name = channel.name.text(), from = shard_,
                            n = channel.registration] { hub->home_register(name, from, n); });
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
      home, [hub = mesh_.hubs[home], name = channel.name.text(), from = shard_] { hub->home_unregister(name, from); });
}

void Hub::home_register(const std::string& name, unsigned from, std::uint32_t registration) {
  auto& channel = get(name);
  set_home_mask(channel, channel.home_mask | std::uint64_t{1} << from);
  const broker::StreamPosition position = streams_.position(name);
  if (from == shard_) return answer(std::string(name), registration, position);
  // The answer goes the way of the publications, so that none can overtake it.
  auto* hub = mesh_.hubs[from];
  if (mesh_.post_data(from, kMessageBytes,
                      [hub, name, registration, position] { hub->answer(name, registration, position); })) {
    return;
  }
  home_unregister(name, from);
  mesh_.post_control(from, [hub, name, registration] { hub->answer(name, registration, std::nullopt); });
}

void Hub::home_unregister(const std::string& name, unsigned from) {
  auto* channel = find(name);
  if (channel == nullptr) return;
  set_home_mask(*channel, channel->home_mask & ~(std::uint64_t{1} << from));
  drop_if_unused(*channel);
}

void Hub::answer(const std::string& name, std::uint32_t registration, std::optional<broker::StreamPosition> position) {
  check_.assert_here();
  auto* channel = find(name);
  // A registration that was given up meanwhile has another number.
  if (channel == nullptr || channel->registration != registration) return;
  const bool accepted = position.has_value();
  channel->active = accepted;
  if (accepted) channel->position = *position;
  if (!accepted) channel->registration = 0;
  // Each call may subscribe, unsubscribe or end clients of this very channel: look again after each. Who recovers has
  // an answer of its own, unless there is none to come.
  const auto served = [accepted](const Channel::Waiting& w) { return !accepted || !w.options.recover; };
  while (channel != nullptr && channel->registration == (accepted ? registration : 0)) {
    const auto at = std::ranges::find_if(channel->waiting, served);
    if (at == channel->waiting.end()) break;
    auto next = std::move(*at);
    channel->waiting.erase(at);
    no_longer_waiting(*channel);
    if (accepted) add(*channel, *next.client, next.options);
    --next.client->waiting_;
    next.done(accepted ? Result<Subscribed>(Subscribed{.position = channel->position})
                       : Result<Subscribed>(Errc::overloaded));
    channel = find(name);
  }
  if (channel != nullptr && channel->subscribers.empty() && channel->waiting.empty()) close_channel(*channel);
}

Task<Result<broker::StreamPosition>> Hub::publish(std::shared_ptr<broker::Publication> publication,
                                                  broker::HistoryOptions history) {
  check_.assert_here();
  using Answer = Result<broker::StreamPosition>;
  const unsigned home = home_of(publication->channel);
  if (home == shard_) co_return publish_here(std::move(publication), history);
  const std::size_t bytes = publication->data.size() + kMessageBytes;
  Mesh& mesh = mesh_;
  co_return co_await arrival<Answer>([&mesh, home, bytes, history, &publication](Resume<Answer> resume) {
    auto back = std::make_shared<Resume<Answer>>(std::move(resume));
    const bool taken =
        mesh.post_data(home, bytes, [hub = mesh.hubs[home], p = std::move(publication), history, back]() mutable {
          (*back)(hub->home_publish(std::move(p), history));
        });
    if (!taken) (*back)(Errc::overloaded);
  });
}

Result<broker::StreamPosition> Hub::publish_here(std::shared_ptr<broker::Publication> publication,
                                                 broker::HistoryOptions history) {
  check_.assert_here();
  if (!may_take_data()) return Errc::overloaded;
  return home_publish(std::move(publication), history);
}

void Hub::publish_always(std::shared_ptr<broker::Publication> publication, broker::HistoryOptions history) {
  home_publish(std::move(publication), history);
}

broker::StreamPosition Hub::home_publish(std::shared_ptr<broker::Publication> publication,
                                         broker::HistoryOptions history) {
  check_.assert_here();
  ++stats_.publications;
  broker::StreamPosition position;
  if (history.on()) {
    position = streams_.append(publication, history);
    if (publication->offset == 0) return position;
  }
  home_spread(std::move(publication));
  return position;
}

void Hub::home_spread(const broker::PublicationRef& publication) {
  const auto* channel = find(publication->channel);
  if (channel == nullptr) return;
  for (std::uint64_t mask = channel->home_mask; mask != 0; mask &= mask - 1) {
    const auto to = static_cast<unsigned>(std::countr_zero(mask));
    if (to == shard_) {
      deliver(publication);
      continue;
    }
    auto* hub = mesh_.hubs[to];
    const std::size_t bytes = publication->data.size() + kMessageBytes;
    if (mesh_.post_data(to, bytes, [hub, publication] { hub->deliver(publication); })) continue;
    ++stats_.gapped;
    // Word of who comes and goes is lost for good: were subscribers told, each would leave and come, and fill the
    // lanes.
    if (publication->kind != broker::PublicationKind::message) continue;
    mesh_.post_control(to,
                       [hub, name = publication->channel, kept = publication->offset != 0] { hub->gap(name, kept); });
  }
}

void Hub::gap(const std::string& name, bool kept) {
  check_.assert_here();
  auto* channel = find(name);
  if (channel == nullptr) return;
  if (!channel->active) {
    // The answer that is awaited lies in the lane before the hole; whoever got it would see the publications on both
    // sides of it. The home is asked again, and answers behind the hole.
    if (channel->registration != 0) ask_home(*channel);
    return;
  }
  if (kept) return refill(*channel);
  tell_gap(*channel);
}

Task<Result<broker::HistoryPage>> Hub::history(std::string channel, broker::HistoryQuery query) {
  co_return co_await at_home<Result<broker::HistoryPage>>(
      channel, [channel, query](Hub& home) { return home.streams_.read(channel, query); });
}

Task<void> Hub::clear_history(std::string channel) {
  co_await at_home<bool>(channel, [channel](Hub& home) {
    home.streams_.clear(channel);
    return true;
  });
}

void Hub::tick() {
  check_.assert_here();
  streams_.sweep([this](std::string_view name) {
    const auto* channel = find(name);
    return channel != nullptr && channel->home_mask != 0;
  });
}

}  // namespace gatecast::hub
