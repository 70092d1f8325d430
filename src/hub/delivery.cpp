// From a publication to bytes in the kernel: outboxes, logs, and the turn that sends them.
#include "hub/hub.hpp"

namespace gatecast::hub {
namespace {
constexpr std::size_t kParts = 64;
// Reading the clock costs as much as a small part of a send: not for each.
constexpr unsigned kClockEvery = 16;
// Who publishes to itself has a short reply behind the publication: a frame's head and {"id":4294967295,"publish":{}}.
constexpr std::size_t kReplyRoom = 32;

std::size_t total(const iovec* parts, std::size_t count) {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += parts[i].iov_len;
  return sum;
}
}  // namespace

void Hub::deliver(const broker::PublicationRef& publication) {
  check_.assert_here();
  auto* channel = find(publication->channel);
  if (channel == nullptr) return;
  if (publication->offset == 0 || follows(*channel, *publication)) hand_out(*channel, publication);
}

/// Whether it is the next one of the stream, which then stands at it; a hole before it is asked for.
bool Hub::follows(Channel& channel, const broker::Publication& publication) {
  if (!channel.active) return false;  // the home's answer, behind it in the lane, says where this shard begins
  auto& at = channel.position;
  if (publication.epoch == at.epoch && publication.offset <= at.offset) return false;
  if (publication.epoch != at.epoch || publication.offset != at.offset + 1) {
    refill(channel);
    return false;
  }
  ++at.offset;
  return true;
}

void Hub::hand_out(Channel& channel, const broker::PublicationRef& publication) {
  if (channel.subscribers.empty()) return;
  if (channel.apart != nullptr) return hand_out_apart(channel, publication);
  if (channel.logged()) {
    append_to_logs(channel, *publication, {});
  } else {
    deliver_to_outboxes(channel, *publication);
  }
}

void Hub::deliver_to_outboxes(Channel& channel, const broker::Publication& publication) {
  const Form* form = nullptr;
  Slice frame;
  for (auto& s : channel.subscribers) {
    if (s.client->muted_ || s.client->doomed_) continue;
    if (const Form& its = s.client->form(s.joins); &its != form) {
      form = &its;
      frame_.clear();
      form->encode(frame_, publication);
      if (!frame_.empty()) frame = whole(BlockRef::copy(frame_, kReplyRoom));
    }
    if (!frame_.empty()) put(*s.client, frame);
  }
}

void Hub::put(Client& client, const Slice& frame) {
  if (client.muted_ || client.doomed_) return;
  ++stats_.deliveries;
  client.outbox_.put(frame);
  bound_queue(client);
  mark(client);
}

void Hub::append_to_logs(Channel& channel, const broker::Publication& publication, std::string_view delta) {
  for (std::uint32_t i = 0; i < channel.logs->size(); ++i) {
    auto& [form, takes_delta, log] = (*channel.logs)[i];
    if (form == nullptr) continue;
    frame_.clear();
    if (takes_delta) {
      form->encode_delta(frame_, publication, delta);
    } else {
      form->encode(frame_, publication);
    }
    if (frame_.empty()) continue;
    log.append(frame_);
    log_bytes_ += frame_.size();
    // Over a bound half of this log is freed.
    if (log.bytes() > limits_.log_bytes_channel || log_bytes_ > limits_.log_bytes_shard) {
      evict(channel, i, log.bytes() / 2);
    }
    if (log.bytes() > limits_.log_bytes_channel / 2) channel_backlog_ = true;
  }
  if (!channel.dirty) {
    channel.dirty = true;
    channel.pass = 0;
    dirty_channels_.push_back(&channel);
  } else if (channel.pass > 0) {
    channel.again = true;
  }
}

// Logs are over their bound: those furthest behind, by more than `keep`, are the slow consumers.
void Hub::evict(Channel& channel, std::uint32_t which, std::size_t keep) {
  auto& log = (*channel.logs)[which].log;
  for (auto& s : channel.subscribers) {
    if (s.log != which || log.bytes_from(s.cursor) <= keep) continue;
    doom(*s.client, News::slow);
    s.cursor = log.end();
  }
  free_passed(channel);
}

// Where no channel waits for its pass, what the logs still hold is unread by clients whose sockets are full. While that
// is more than half of the shard's bound no data is taken in, so no pass would ever come to free it.
void Hub::relieve() {
  const std::size_t bound = limits_.log_bytes_shard / 2;
  if (log_bytes_ < bound || !dirty_channels_.empty()) return;
  for (std::size_t keep = limits_.queue_bytes;; keep /= 2) {
    for (const auto& channel : channels_) {
      if (!channel->logged()) continue;
      for (std::uint32_t i = 0; i < channel->logs->size(); ++i) {
        evict(*channel, i, keep);
        if (log_bytes_ < bound) return;
      }
    }
    if (keep == 0) return;
  }
}

// Over the bound, a client that has not had its turn yet is written to first; only one whose socket is full is slow.
void Hub::bound_queue(Client& client) {
  if (client.outbox_.bytes() <= limits_.queue_bytes) return;
  flush_client(client, false);
  if (client.outbox_.bytes() > limits_.queue_bytes) doom(client, News::slow);
}

std::size_t Hub::unread(const Client& client) const {
  std::size_t sum = client.outbox_.bytes();
  for (const auto& [channel, index] : client.subscriptions_) {
    if (!channel->logged()) continue;
    const auto& s = channel->subscribers[index];
    sum += (*channel->logs)[s.log].log.bytes_from(s.cursor);
  }
  return sum;
}

void Hub::send(Client& client, std::string_view frame) {
  check_.assert_here();
  if (client.doomed_) return;
  client.outbox_.put_copy(frame);
  bound_queue(client);
  mark(client);
}

void Hub::send(Client& client, Slice frame) {
  check_.assert_here();
  if (client.doomed_) return;
  client.outbox_.put(std::move(frame));
  bound_queue(client);
  mark(client);
}

void Hub::send_answer(Client& client, std::string_view answer) {
  check_.assert_here();
  if (client.doomed_) return;
  // One answer may be larger than the bound; a peer that asks on without taking that one is slow.
  bound_queue(client);
  if (client.doomed_) return;
  client.outbox_.put(whole(BlockRef::copy(answer)));
  mark(client);
}

void Hub::hold(Client& client) {
  check_.assert_here();
  client.outbox_.hold();
}

void Hub::release(Client& client, std::string_view first) {
  check_.assert_here();
  if (!client.outbox_.held()) return send(client, first);
  client.outbox_.release(whole(BlockRef::copy(first)));
  bound_queue(client);
  // The passes over its channels' logs left it out.
  if (unread(client) > client.outbox_.bytes()) return flush_client(client, true);
  mark(client);
}

void Hub::mark(Client& client) {
  if (client.dirty_ || client.blocked_) return;
  client.dirty_ = true;
  dirty_clients_.push_back(&client);
}

void Hub::writable(Client& client) {
  check_.assert_here();
  if (!client.blocked_) return;
  client.blocked_ = false;
  client.want_writable(false);
  flush_client(client, true);
}

bool Hub::over_budget() {
  if (sent_this_turn_ >= limits_.turn_clients) return true;
  return sent_this_turn_ % kClockEvery == kClockEvery - 1 && clock_.steady() - turn_start_ > limits_.turn_time;
}

bool Hub::flush() {
  check_.assert_here();
  sent_this_turn_ = 0;
  turn_start_ = clock_.steady();
  std::size_t done = 0;
  for (; done < dirty_clients_.size() && !over_budget(); ++done) {
    auto* client = dirty_clients_[done];
    if (client == nullptr) continue;
    client->dirty_ = false;
    ++sent_this_turn_;
    flush_client(*client, !dirty_channels_.empty());
  }
  dirty_clients_.erase(dirty_clients_.begin(), dirty_clients_.begin() + static_cast<std::ptrdiff_t>(done));

  // Each dirty channel has its turn; one that got new frames on the way goes to the end of the line.
  std::size_t rounds = dirty_channels_.size();
  for (done = 0; done < rounds; ++done) {
    auto* channel = dirty_channels_[done];
    if (channel != nullptr && !pass_over(*channel)) break;
  }
  dirty_channels_.erase(dirty_channels_.begin(), dirty_channels_.begin() + static_cast<std::ptrdiff_t>(done));

  channel_backlog_ = std::ranges::any_of(dirty_channels_, [this](const Channel* c) {
    return c != nullptr && c->logged() && std::ranges::any_of(*c->logs, [this](const auto& l) {
             return l.log.bytes() > limits_.log_bytes_channel / 2;
           });
  });
  relieve();
  tell_news();
  return !dirty_clients_.empty() || !dirty_channels_.empty();
}

// Sends each subscriber from its cursor to the end; false where the budget ended first. Nothing in it can change the
// list of subscribers: what happens to clients is told at the end of the turn.
bool Hub::pass_over(Channel& channel) {
  if (!channel.logged()) {
    channel.dirty = false;
    return true;
  }
  const bool alone = dirty_channels_.size() == 1;
  std::array<iovec, kParts> parts;
  std::size_t used = 0;
  std::size_t offered = 0;
  std::uint64_t from = ~std::uint64_t{0};  // whose run `parts` holds
  std::uint32_t of = 0;
  while (channel.pass < channel.subscribers.size()) {
    if (over_budget()) return false;
    auto& s = channel.subscribers[channel.pass++];
    auto& client = *s.client;
    const auto& log = (*channel.logs)[s.log].log;
    if (s.cursor == log.end() || client.blocked_ || client.doomed_) continue;
    ++sent_this_turn_;
    if (!alone || !client.outbox_.empty()) {
      flush_client(client, true);
      continue;
    }
    if (s.cursor != from || s.log != of) {
      used = log.gather(s.cursor, parts.data(), kParts);
      offered = total(parts.data(), used);
      from = s.cursor;
      of = s.log;
    }
    const auto taken = client.write(parts.data(), used);
    ++stats_.writes;
    if (taken > 0) advance(channel, s, static_cast<std::size_t>(taken));
    after_write(client, offered, taken);
    // More than fits one call is the rare case of a long backlog: the rest goes the general way.
    if (used == kParts && !client.blocked_ && !client.doomed_) flush_client(client, true);
  }
  end_pass(channel);
  return true;
}

void Hub::end_pass(Channel& channel) {
  for (auto& s : channel.subscribers) {
    // One whose socket is not full was served before the newest frames came; its turn is the next pass.
    if (!s.client->blocked_ || s.client->doomed_ || s.cursor == (*channel.logs)[s.log].log.end()) continue;
    if (unread(*s.client) > limits_.queue_bytes) doom(*s.client, News::slow);
  }
  free_passed(channel);
  channel.pass = 0;
  channel.dirty = std::exchange(channel.again, false);
  if (channel.dirty) dirty_channels_.push_back(&channel);
}

void Hub::free_passed(Channel& channel) {
  for (std::uint32_t i = 0; i < channel.logs->size(); ++i) {
    auto& log = (*channel.logs)[i].log;
    auto oldest = log.end();
    for (const auto& s : channel.subscribers) {
      if (s.log == i && !s.client->doomed_) oldest = std::min(oldest, s.cursor);
    }
    log_bytes_ -= log.bytes();
    log.free_below(oldest);
    log_bytes_ += log.bytes();
  }
}

void Hub::advance(Channel& channel, Channel::Subscriber& s, std::size_t taken) {
  auto& log = (*channel.logs)[s.log].log;
  auto now = log.advance(s.cursor, taken);
  stats_.deliveries += now.cursor - s.cursor;
  s.cursor = now.cursor;
  if (now.torn) s.client->outbox_.put_torn(std::move(*now.torn));
}

std::size_t Hub::gather_logs(Client& client, iovec* parts, std::size_t max) const {
  std::size_t used = 0;
  for (const auto& [channel, index] : client.subscriptions_) {
    if (!channel->logged() || used == max) continue;
    const auto& s = channel->subscribers[index];
    used += (*channel->logs)[s.log].log.gather(s.cursor, parts + used, max - used);
  }
  return used;
}

void Hub::advance_logs(Client& client, std::size_t taken) {
  for (const auto& [channel, index] : client.subscriptions_) {
    if (taken == 0) return;
    if (!channel->logged()) continue;
    auto& s = channel->subscribers[index];
    const std::size_t here = std::min(taken, (*channel->logs)[s.log].log.bytes_from(s.cursor));
    if (here > 0) advance(*channel, s, here);
    taken -= here;
  }
}

void Hub::flush_client(Client& client, bool logs_too) {
  if (client.blocked_ || client.doomed_) return;
  std::array<iovec, kParts> parts;
  for (;;) {
    const std::size_t queued = client.outbox_.bytes();
    std::size_t used = client.outbox_.gather(parts.data(), kParts);
    if (logs_too && !client.outbox_.held() && total(parts.data(), used) == queued) {
      used += gather_logs(client, parts.data() + used, kParts - used);
    }
    if (used == 0 && !client.unsent_) break;
    const std::size_t offered = total(parts.data(), used);
    const auto taken = client.write(parts.data(), used);
    ++stats_.writes;
    if (taken > 0) {
      const std::size_t of_queue = std::min(queued, static_cast<std::size_t>(taken));
      if (of_queue > 0) client.outbox_.consume(of_queue);
      advance_logs(client, static_cast<std::size_t>(taken) - of_queue);
    }
    after_write(client, offered, taken);
    if (client.blocked_ || client.doomed_ || used < kParts) break;
  }
  if (client.muted_ && client.all_sent() && !client.doomed_) news_.emplace_back(&client, News::drained);
}

void Hub::after_write(Client& client, std::size_t offered, std::ptrdiff_t taken) {
  if (taken < 0) return doom(client, News::broken);
  stats_.bytes_out += static_cast<std::uint64_t>(taken);
  client.bytes_out_ += static_cast<std::uint64_t>(taken);
  if (static_cast<std::size_t>(taken) < offered || client.unsent_) block(client);
}

void Hub::block(Client& client) {
  ++stats_.short_writes;
  client.blocked_ = true;
  client.want_writable(true);
}

void Hub::doom(Client& client, News news) {
  if (client.doomed_) return;
  client.doomed_ = true;
  if (news == News::slow) ++stats_.slow;
  news_.emplace_back(&client, news);
}

void Hub::tell_news() {
  // Each call may forget clients, which takes them out of the list.
  while (!news_.empty()) {
    auto [client, news] = news_.back();
    news_.pop_back();
    switch (news) {
      case News::slow: client->on_slow(); break;
      case News::broken: client->on_broken(); break;
      case News::drained: client->on_drained(); break;
    }
  }
}

}  // namespace gatecast::hub
