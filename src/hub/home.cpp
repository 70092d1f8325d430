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

void Hub::ask_home(Channel& channel, bool kept) {
  channel.registration = ++last_registration_;
  channel.refill = Channel::Refill::none;  // an answer to the registration before is not awaited
  const unsigned home = home_of(channel.name);
  if (home == shard_) return home_register(channel.name.text(), shard_, channel.registration, kept);
  mesh_.post_control(home, [hub = mesh_.hubs[home], name = channel.name.text(), from = shard_, n = channel.registration,
                            kept] { hub->home_register(name, from, n, kept); });
}

void Hub::leave_home(Channel& channel) {
  if (channel.registration == 0) return;
  channel.registration = 0;
  channel.active = false;
  const unsigned home = home_of(channel.name);
  if (home == shard_) {
    set_home_mask(channel, channel.home_mask & ~(std::uint64_t{1} << shard_));
    if (shared_ != nullptr) shared_->withdraw(channel, shard_);
    return;
  }
  mesh_.post_control(
      home, [hub = mesh_.hubs[home], name = channel.name.text(), from = shard_] { hub->home_unregister(name, from); });
}

void Hub::home_register(const std::string& name, unsigned from, std::uint32_t registration, bool kept) {
  if (shared_ != nullptr) return shared_->enroll(name, from, registration, kept);
  admit(get(name), from, registration, streams_.position(name));
}

void Hub::admit(Channel& channel, unsigned from, std::uint32_t registration, broker::StreamPosition position) {
  set_home_mask(channel, channel.home_mask | std::uint64_t{1} << from);
  const std::string name = channel.name.text();
  if (from == shard_) return answer(name, registration, position);
  // The answer goes the way of the publications, so that none can overtake it.
  auto* hub = mesh_.hubs[from];
  if (mesh_.post_data(from, kMessageBytes,
                      [hub, name, registration, position] { hub->answer(name, registration, position); })) {
    return;
  }
  home_unregister(name, from);
  refuse_registration(from, name, registration, Errc::overloaded);
}

void Hub::refuse_registration(unsigned from, const std::string& name, std::uint32_t registration, Errc code) {
  if (from == shard_) return answer(name, registration, code);
  mesh_.post_control(from,
                     [hub = mesh_.hubs[from], name, registration, code] { hub->answer(name, registration, code); });
}

void Hub::home_unregister(const std::string& name, unsigned from) {
  auto* channel = find(name);
  if (channel == nullptr) return;
  set_home_mask(*channel, channel->home_mask & ~(std::uint64_t{1} << from));
  if (shared_ != nullptr) shared_->withdraw(*channel, from);
  drop_if_unused(*channel);
}

void Hub::answer(const std::string& name, std::uint32_t registration, Result<broker::StreamPosition> position) {
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
                       : Result<Subscribed>(position.error()));
    channel = find(name);
  }
  if (channel != nullptr && channel->subscribers.empty() && channel->waiting.empty()) return close_channel(*channel);
  if (shared_ != nullptr) ask_held(name);
}

Task<Result<broker::StreamPosition>> Hub::publish(std::shared_ptr<broker::Publication> publication,
                                                  broker::PublishOptions options) {
  check_.assert_here();
  using Answer = Result<broker::StreamPosition>;
  if (shared_ != nullptr) co_return co_await publish_shared(std::move(publication), std::move(options));
  const unsigned home = home_of(publication->channel);
  const broker::HistoryOptions history = options.history;
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

void Hub::publish_always(std::shared_ptr<broker::Publication> publication, broker::HistoryOptions history,
                         Pushes::Then then) {
  if (shared_ != nullptr) return publish_shared_always(std::move(publication), history, std::move(then));
  home_publish(std::move(publication), history);
  if (then) then();
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
    if (channel->registration != 0) ask_home(*channel, kept);
    return;
  }
  if (kept) return refill(*channel);
  tell_gap(*channel);
}

Task<Result<broker::HistoryPage>> Hub::history(std::string channel, broker::HistoryQuery query) {
  if (shared_ != nullptr) {
    co_return co_await at_broker<broker::HistoryPage>(
        channel, [channel, query](broker::Broker& broker, broker::Done<broker::HistoryPage> done) {
          broker.history(channel, query, std::move(done));
        });
  }
  co_return co_await at_home<Result<broker::HistoryPage>>(
      channel, [channel, query](Hub& home) { return home.streams_.read(channel, query); });
}

Task<Result<void>> Hub::clear_history(std::string channel) {
  if (shared_ != nullptr) {
    co_return co_await at_broker<void>(channel, [channel](broker::Broker& broker, broker::Done<void> done) {
      broker.clear(channel, std::move(done));
    });
  }
  co_return co_await at_home<Result<void>>(channel, [channel](Hub& home) {
    home.streams_.clear(channel);
    return Result<void>{};
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
