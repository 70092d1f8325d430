#include "hub/hub.hpp"

namespace gatecast::hub {

Hub::Hub(unsigned shard, Mesh& mesh, Limits limits, const Clock& clock, std::uint64_t seed, broker::Broker* broker)
    : shard_(shard),
      mesh_(mesh),
      limits_(limits),
      clock_(clock),
      streams_(limits.streams, clock, seed),
      presence_(limits.presence_entries),
      // Keys of what is published once are of this shard alone.
      shared_(broker == nullptr ? nullptr
                                : std::make_unique<SharedHomes>(*this, *broker, limits.shared, seed * 64 + shard)) {}

Hub::~Hub() = default;

Channel* Hub::find(std::string_view name) const {
  auto it = channels_.find(name);
  return it == channels_.end() ? nullptr : it->get();
}

Channel& Hub::get(std::string_view name) {
  if (auto* found = find(name)) return *found;
  return **channels_.insert(std::make_unique<Channel>(name)).first;
}

void Hub::drop_if_unused(Channel& channel) {
  if (!channel.unused()) return;
  if (channel.dirty) std::ranges::replace(dirty_channels_, &channel, nullptr);
  channels_.erase(channels_.find(channel.name.view()));
}

void Hub::subscribe(Client& client, std::string_view name, SubscribeOptions options, SubscribeDone done) {
  check_.assert_here();
  if (subscribed(client, name) || waits_for(client, name)) return done(Errc::already_subscribed);
  if (client.subscriptions_.size() + client.waiting_ >= limits_.channels) return done(Errc::limit_exceeded);
  if (options.recover && queues_full()) {
    ++stats_.busy;
    return done(Errc::queues_full);
  }
  auto& channel = get(name);
  if (channel.active && !options.recover) {
    add(channel, client, options);
    return done(Subscribed{.position = channel.position});
  }
  const bool recovers = options.recover.has_value();
  const bool kept = options.kept;
  channel.waiting.push_back({&client, std::move(options), std::move(done)});
  waited_for_.insert(&channel);
  ++client.waiting_;
  // The home answers the registration first, so a recovery finds the channel active.
  if (recovers) channel.waiting.back().recovery = ++last_recovery_;
  const std::uint32_t recovery = last_recovery_;
  if (channel.registration == 0) ask_home(channel, kept);
  if (recovers) ask_recovery(std::string(name), recovery);
}

bool Hub::unsubscribe(Client& client, std::string_view name) {
  check_.assert_here();
  for (std::size_t slot = 0; slot < client.subscriptions_.size(); ++slot) {
    if (client.subscriptions_[slot].channel->name != name) continue;
    remove(client, slot, true);
    return true;
  }
  return false;
}

bool Hub::subscribed(const Client& client, std::string_view name) const {
  return std::ranges::any_of(client.subscriptions_, [name](const auto& s) { return s.channel->name == name; });
}

bool Hub::waits_for(const Client& client, std::string_view name) const {
  if (client.waiting_ == 0) return false;
  const auto* channel = find(name);
  return channel != nullptr &&
         std::ranges::any_of(channel->waiting, [&](const auto& w) { return w.client == &client; });
}

std::vector<std::string> Hub::channels_of(const Client& client) const {
  std::vector<std::string> names;
  for (const auto& s : client.subscriptions_) names.push_back(s.channel->name.text());
  return names;
}

void Hub::each_channel(const std::function<void(const std::string&, std::size_t)>& fn) const {
  for (const auto& channel : channels_) {
    if (!channel->subscribers.empty()) fn(channel->name.text(), channel->subscribers.size());
  }
}

void Hub::each_home(const std::function<void(std::string_view)>& fn) const {
  for (const auto& channel : channels_) {
    if (channel->home_mask != 0) fn(channel->name);
  }
}

void Hub::forget(Client& client) {
  check_.assert_here();
  remove_all(client, false);
  if (client.dirty_) std::ranges::replace(dirty_clients_, &client, nullptr);
  std::erase_if(news_, [&client](const auto& n) { return n.first == &client; });
}

void Hub::mute(Client& client, bool keep) {
  check_.assert_here();
  client.outbox_.drop_held();
  remove_all(client, keep);
  client.muted_ = true;
  mark(client);
}

void Hub::drop_queue(Client& client) {
  client.outbox_.drop_untorn();
  // A slow client is written to once more: its close frame.
  client.doomed_ = false;
}

void Hub::remove_all(Client& client, bool keep) {
  while (!client.subscriptions_.empty()) remove(client, client.subscriptions_.size() - 1, keep);
  remove_waiting(client);
}

void Hub::remove_waiting(Client& client) {
  if (client.waiting_ == 0) return;
  client.waiting_ = 0;
  std::vector<Channel*> left;
  for (auto* channel : waited_for_) {
    if (channel->waiting.erase_if([&client](const auto& w) { return w.client == &client; })) left.push_back(channel);
  }
  for (auto* channel : left) {
    no_longer_waiting(*channel);
    if (channel->subscribers.empty() && channel->waiting.empty()) close_channel(*channel);
  }
}

void Hub::add(Channel& channel, Client& client, const SubscribeOptions& options, broker::PublicationRef holds) {
  const auto slot = static_cast<std::uint32_t>(client.subscriptions_.size());
  Channel::Subscriber s{&client, 0, slot, 0, options.joins, Channel::How::plain};
  if (options.filter != nullptr || options.delta) s.how = enter_apart(channel, client, options, std::move(holds));
  if (channel.logged()) join_log(channel, s);
  client.subscriptions_.push_back({&channel, static_cast<std::uint32_t>(channel.subscribers.size())});
  channel.subscribers.push_back(s);
  ++subscription_count_;
  if (!channel.logged() && channel.subscribers.size() >= Channel::kLogFrom) start_log(channel);
}

void Hub::place(Channel& channel, std::size_t index, Channel::Subscriber s) {
  s.client->subscriptions_[s.slot].index = static_cast<std::uint32_t>(index);
  channel.subscribers[index] = s;
}

void Hub::remove(Client& client, std::size_t slot, bool keep) {
  auto& channel = *client.subscriptions_[slot].channel;
  std::size_t index = client.subscriptions_[slot].index;
  if (channel.subscribers[index].how != Channel::How::plain) leave_apart(channel, channel.subscribers[index]);
  if (keep && channel.logged()) keep_pending(channel, channel.subscribers[index]);

  // A pass may be under way: those before `pass` have been visited, and the one that fills the hole must not change
  // sides unvisited.
  if (index < channel.pass) {
    --channel.pass;
    if (index != channel.pass) place(channel, index, channel.subscribers[channel.pass]);
    index = channel.pass;
  }
  if (index + 1 != channel.subscribers.size()) place(channel, index, channel.subscribers.back());
  channel.subscribers.pop_back();

  if (slot + 1 != client.subscriptions_.size()) {
    client.subscriptions_[slot] = client.subscriptions_.back();
    const auto& moved = client.subscriptions_[slot];
    moved.channel->subscribers[moved.index].slot = static_cast<std::uint32_t>(slot);
  }
  client.subscriptions_.pop_back();
  --subscription_count_;

  if (channel.logged() && channel.subscribers.size() < Channel::kLogUntil) stop_log(channel);
  if (channel.subscribers.empty() && channel.waiting.empty()) close_channel(channel);
}

void Hub::close_channel(Channel& channel) {
  leave_home(channel);
  drop_if_unused(channel);
}

/// From the next frame on it reads the log of its form.
void Hub::join_log(Channel& channel, Channel::Subscriber& s) {
  const bool by_outbox = s.how == Channel::How::filtered || s.how == Channel::How::fresh;
  const Form* form = by_outbox ? nullptr : &s.client->form(s.joins);
  const bool delta = s.how == Channel::How::delta;
  auto& logs = *channel.logs;
  std::size_t i = 0;
  while (i < logs.size() && (logs[i].form != form || logs[i].delta != delta)) ++i;
  if (i == logs.size()) logs.push_back({form, delta, {}});
  s.log = static_cast<std::uint16_t>(i);
  s.cursor = logs[i].log.end();
}

void Hub::start_log(Channel& channel) {
  channel.logs = std::make_unique<std::vector<Channel::FormLog>>();
  for (auto& s : channel.subscribers) join_log(channel, s);
}

void Hub::stop_log(Channel& channel) {
  for (auto& s : channel.subscribers) keep_pending(channel, s);
  for (const auto& l : *channel.logs) log_bytes_ -= l.log.bytes();
  channel.logs.reset();
}

void Hub::keep_pending(Channel& channel, Channel::Subscriber& s) {
  auto& log = (*channel.logs)[s.log].log;
  if (s.cursor == log.end()) return;
  std::vector<Slice> slices;
  log.slices_from(s.cursor, slices);
  stats_.deliveries += log.end() - s.cursor;
  s.cursor = log.end();
  for (auto& slice : slices) s.client->outbox_.put(std::move(slice));
  bound_queue(*s.client);
  mark(*s.client);
}

}  // namespace gatecast::hub
