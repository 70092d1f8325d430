// The reference of the hub's promises: knows, for each client, what must arrive, and holds every frame against it.
//
// It watches what homes take and what shards hand out by looking at the data messages, never into the hub. For each
// client and channel it keeps the one right sequence (subscribe reply, publications, the reply that ends it, and
// again), and the sequence of all replies; what comes out of the simulated socket must run along all of them, frame by
// frame. It also holds a shard's sequence against the home's: no hole, nothing twice, unless the subscriber was told of
// a gap.
#pragma once

#include "hub/testing.hpp"

namespace gatecast::hub::testing {

/// What happened in all stories together.
struct Tally {
  std::uint64_t publications = 0;
  std::uint64_t frames = 0;
  std::uint64_t slow = 0;
  std::uint64_t broken = 0;
  std::uint64_t drained = 0;
  std::uint64_t gaps = 0;
  std::uint64_t short_writes = 0;
  std::uint64_t logged_peaks = 0;  // subscriptions that found or made a log
};

struct Peer {
  enum class State : std::uint8_t { none, waiting, on };
  struct Token {
    std::uint64_t n = 0;    // of a publication
    std::string control{};  // or the text of a reply
  };
  /// One channel as this client must see it.
  struct View {
    State state = State::none;
    std::vector<Token> want;
    std::size_t got = 0;
    std::size_t taken_at_reply = 0;     // how many publications the home had taken then
    std::optional<std::size_t> next{};  // in the home's sequence
  };

  Peer(unsigned s, FakeClient::Takes takes, const Form& form)
      : shard(s), client(std::move(takes), form), tag(&form == &plain_form() ? 'P' : 'Q') {}

  const unsigned shard;
  FakeClient client;
  const char tag;
  bool never = false;  // its socket stays full for good
  bool closes_when_slow = false;
  bool was_full = false;  // its socket was full since the last turn
  std::map<std::string, View> views;
  std::vector<std::string> replies;
  std::size_t replies_got = 0;
  std::size_t parsed = 0;  // bytes of `received` that were complete frames
  std::size_t expected_bytes = 0;
  bool closing = false;
  bool dropped = false;
  std::size_t dropped_at = 0;
  bool close_seen = false;
  std::string close_text;
};

class Reference {
 public:
  Reference(unsigned shards, Hub::Limits limits, OneThread::Bounds bounds, Tally& tally)
      : limits_(limits), net_(shards, limits, bounds), tally_(tally) {
    net_.wrap_data = [this](unsigned to, Loop::Fn fn) { return wrap(to, std::move(fn)); };
  }

  ~Reference() {
    // After a failure too: what lies in the lanes ends before the clients do.
    for (auto& peer : peers_) bury(*peer);
    for (int i = 0; i < 100; ++i) {
      for (unsigned s = 0; s < net_.shards(); ++s) net_.mail(s);
    }
  }

  OneThread& net() { return net_; }

  Peer& open(unsigned shard, FakeClient::Takes takes, const Form& form = plain_form()) {
    auto& peer = *peers_.emplace_back(std::make_unique<Peer>(shard, std::move(takes), form));
    peer.client.then_slow = [this, &peer] { on_slow(peer); };
    peer.client.then_broken = [this, &peer] {
      ++tally_.broken;
      bury(peer);
    };
    peer.client.then_drained = [this, &peer] { on_drained(peer); };
    peer.client.then_gap = [this, &peer](std::string_view channel) { on_gap(peer, std::string(channel)); };
    return peer;
  }
  /// The client at place `pick(count)`, or null where there is none.
  template <class Pick>
  Peer* any(Pick pick) {
    return peers_.empty() ? nullptr : peers_[pick(peers_.size())].get();
  }
  /// One whose socket waits to be written to, looked for from place `pick(count)` on.
  template <class Pick>
  Peer* any_full(Pick pick) {
    const std::size_t from = pick(peers_.size());
    for (std::size_t i = 0; i < peers_.size(); ++i) {
      auto& peer = *peers_[(from + i) % peers_.size()];
      if (peer.client.wants_writable) return &peer;
    }
    return nullptr;
  }

  void subscribe(Peer& peer, const std::string& channel) {
    if (peer.closing) return;
    auto& view = peer.views[channel];
    if (view.state != Peer::State::none) {
      std::optional<Errc> refused;
      hub_of(peer).subscribe(peer.client, channel, {},
                             [&](const Result<Subscribed>& done) { refused = done.error().code; });
      EXPECT_EQ(refused, Errc::already_subscribed);
      return;
    }
    view.state = Peer::State::waiting;
    hub_of(peer).subscribe(peer.client, channel, {}, [this, &peer, channel](const Result<Subscribed>& done) {
      answered(peer, channel, done.has_value());
    });
  }

  void unsubscribe(Peer& peer, const std::string& channel) {
    if (peer.closing) return;
    auto& view = peer.views[channel];
    EXPECT_EQ(hub_of(peer).unsubscribe(peer.client, channel), view.state == Peer::State::on);
    if (view.state != Peer::State::on) return;
    view.state = Peer::State::none;
    say(peer, "left", channel);
  }

  void publish(unsigned shard, const std::string& channel, std::size_t padding) {
    auto& all = published_[channel];
    const std::uint64_t n = all.size();
    all.push_back(fmt::format("{} {}", n, std::string(padding, static_cast<char>('a' + n % 26))));
    const auto before = net_.hub(shard).stats().publications;
    now_ = Now{channel, n, shard, before, false};
    ++publishing_;
    net_.publish(shard, channel, all.back(), [this](bool) { --publishing_; });
    now_.reset();
    if (net_.hub(shard).stats().publications > before) take(shard, channel, n);
  }

  void reply(Peer& peer) {
    if (!peer.closing) say(peer, "reply", "");
  }

  void close(Peer& peer, bool keep) {
    if (peer.closing) return;
    read(peer);
    hub_of(peer).mute(peer.client, keep);
    if (!keep) hub_of(peer).drop_queue(peer.client);
    peer.closing = true;
    peer.dropped = !keep;
    peer.dropped_at = peer.client.received.size();
    for (auto& [channel, view] : peer.views) view.state = Peer::State::none;
    peer.close_text = say(peer, "close", "");
  }

  void forget(Peer& peer) {
    bury(peer);
    purge();
  }

  void writable(Peer& peer) {
    if (!peer.client.wants_writable) return;
    peer.was_full = true;
    net_.hub(peer.shard).writable(peer.client);
    read(peer);
  }

  bool turn(unsigned shard, std::size_t data_max = ~std::size_t{0}) {
    const bool more = net_.turn(shard, data_max);
    for (auto& peer : peers_) {
      if (peer->shard != shard || peer->client.gone) continue;
      read(*peer);
      peer->was_full = false;
      if (!peer->closing) EXPECT_LE(peer->client.queued_bytes(), limits_.queue_bytes) << "not told that it is slow";
    }
    purge();
    return more;
  }

  /// Lets everything come to rest, checks that nothing is missing, and takes everything down.
  void finish() {
    for (int round = 0; !at_rest(round) && !::testing::Test::HasFailure(); ++round) {
      ASSERT_LT(round, 10'000) << "it does not come to rest";
    }
    for (auto& peer : peers_) check_complete(*peer);
    EXPECT_EQ(publishing_, 0) << "a publisher got no answer";
    for (auto& peer : peers_) bury(*peer);
    purge();
    net_.settle();
    for (unsigned i = 0; i < net_.shards(); ++i) {
      tally_.short_writes += net_.hub(i).stats().short_writes;
      EXPECT_EQ(net_.hub(i).channel_count(), 0u);
      EXPECT_EQ(net_.hub(i).subscription_count(), 0u);
      EXPECT_TRUE(net_.hub(i).may_take_data());
    }
  }

 private:
  /// The publication that is on its way in at this moment.
  struct Now {
    std::string channel;
    std::uint64_t n;
    unsigned shard;
    std::uint64_t before;  // what that shard had taken as home
    bool at_home;
  };

  Hub& hub_of(const Peer& peer) { return net_.hub(peer.shard); }

  // What a data message carries follows from when it is sent: on its way to the home, or from there to a shard.
  Loop::Fn wrap(unsigned to, Loop::Fn fn) {
    if (!now_) return fn;
    const bool handed_out = now_->at_home || net_.hub(now_->shard).stats().publications > now_->before;
    return [this, to, handed_out, channel = now_->channel, n = now_->n, fn = std::move(fn)]() mutable {
      if (handed_out) {
        hand_out(to, channel, n);
        return fn();
      }
      now_ = Now{channel, n, to, 0, true};
      fn();
      now_.reset();
      take(to, channel, n);
    };
  }

  // The home has taken it; its own subscribers have it at once.
  void take(unsigned home, const std::string& channel, std::uint64_t n) {
    ++tally_.publications;
    place_[channel].emplace(n, taken_[channel]++);
    hand_out(home, channel, n);
  }

  void hand_out(unsigned shard, const std::string& channel, std::uint64_t n) {
    for (auto& peer : peers_) {
      if (peer->shard != shard || peer->client.gone) continue;
      auto& view = peer->views[channel];
      if (view.state != Peer::State::on) continue;
      const std::size_t place = place_[channel].at(n);
      if (view.next) {
        EXPECT_EQ(place, *view.next) << "a silent gap, or twice, in " << channel;
      } else {
        EXPECT_LE(place, view.taken_at_reply) << "lost after the subscribe reply in " << channel;
      }
      view.next = place + 1;
      view.want.push_back({n});
      const std::size_t text = 3 + channel.size() + published_[channel][n].size();
      peer->expected_bytes += std::to_string(text).size() + text + 2;
    }
  }

  std::string say(Peer& peer, std::string_view what, const std::string& channel) {
    auto text = fmt::format("R {} {} {}", peer.replies.size(), what, channel);
    peer.replies.push_back(text);
    if (!channel.empty()) peer.views[channel].want.push_back({0, text});
    peer.expected_bytes += frame(text).size();
    hub_of(peer).send(peer.client, frame(text));
    return text;
  }

  void answered(Peer& peer, const std::string& channel, bool stands) {
    EXPECT_FALSE(peer.client.gone || peer.closing) << "told after it left";
    auto& view = peer.views[channel];
    EXPECT_EQ(view.state, Peer::State::waiting);
    view.state = stands ? Peer::State::on : Peer::State::none;
    view.taken_at_reply = taken_[channel];
    view.next.reset();
    say(peer, stands ? "joined" : "refused", channel);
    const auto here = std::ranges::count_if(
        peers_, [&](auto& p) { return p->shard == peer.shard && p->views[channel].state == Peer::State::on; });
    if (here >= static_cast<std::ptrdiff_t>(Channel::kLogFrom)) ++tally_.logged_peaks;
  }

  void on_gap(Peer& peer, const std::string& channel) {
    ++tally_.gaps;
    EXPECT_EQ(peer.views[channel].state, Peer::State::on);
    unsubscribe(peer, channel);
  }

  void on_slow(Peer& peer) {
    ++tally_.slow;
    read(peer);
    // As the server does: one that is slow even with its last frame is cut.
    if (peer.closing) return bury(peer);
    EXPECT_EQ(peer.client.slow, 1);
    const bool shard_bound = limits_.log_bytes_shard != Hub::Limits{}.log_bytes_shard;
    const auto bound = shard_bound ? 0 : std::min(limits_.queue_bytes, limits_.log_bytes_channel / 2);
    EXPECT_GT(peer.expected_bytes - peer.client.received.size(), bound) << "it was not slow";
    const bool log_bound = shard_bound || limits_.log_bytes_channel != Hub::Limits{}.log_bytes_channel;
    EXPECT_TRUE(peer.client.wants_writable || peer.was_full || log_bound) << "its socket was not full";
    if (!peer.closes_when_slow) return bury(peer);
    close(peer, false);
  }

  void on_drained(Peer& peer) {
    ++tally_.drained;
    read(peer);
    EXPECT_TRUE(peer.closing);
    EXPECT_TRUE(peer.close_seen) << "drained, and its last frame is not out";
    EXPECT_EQ(peer.parsed, peer.client.received.size());
    if (!peer.dropped) check_all_seen(peer);
    bury(peer);
  }

  void bury(Peer& peer) {
    if (peer.client.gone) return;
    read(peer);
    net_.forget(peer.shard, peer.client);
    peer.closing = true;
    for (auto& [channel, view] : peer.views) view.state = Peer::State::none;
  }
  // Destroyed at the end of a turn, as the server does: the sanitizer sees whoever still holds one.
  void purge() {
    std::erase_if(peers_, [](const auto& peer) { return peer->client.gone; });
  }

  void read(Peer& peer) {
    if (peer.parsed == peer.client.received.size()) return;
    std::vector<std::string> frames;
    EXPECT_TRUE(parse_frames(peer.client.received, peer.parsed, frames))
        << "malformed: " << peer.client.received.substr(peer.parsed, 80);
    for (const auto& text : frames) arrived(peer, text);
  }

  void arrived(Peer& peer, const std::string& text) {
    ++tally_.frames;
    EXPECT_FALSE(peer.close_seen) << "after the close frame: " << text.substr(0, 60);
    std::array<std::string, 4> word;
    std::size_t at = 0;
    for (auto& w : word) {
      const auto end = std::min(text.find(' ', at), text.size());
      w = text.substr(at, end - at);
      at = std::min(end + 1, text.size());
    }
    if (word[0] == "R") return arrived_reply(peer, text, word[3]);
    const auto& channel = word[1];
    const auto* token = next(peer, channel);
    const bool right = token != nullptr && token->control.empty() && std::to_string(token->n) == word[2];
    EXPECT_TRUE(right) << text.substr(0, 60) << " arrived, due in its channel was " << describe(token);
    if (right) {
      EXPECT_TRUE(text == fmt::format("{} {} {}", peer.tag, channel, published_[channel][token->n]))
          << "other bytes than were published";
    }
  }

  void arrived_reply(Peer& peer, const std::string& text, const std::string& channel) {
    if (text == peer.close_text) {
      peer.close_seen = true;
      if (!peer.dropped) return check_all_seen(peer);
      // Between the drop and the close frame lies at most what was torn: a frame, or a run out of one segment.
      EXPECT_LE(peer.parsed - peer.dropped_at, Log::kSegmentBytes + 20'000u);
      return;
    }
    const bool due = peer.replies_got < peer.replies.size() && peer.replies[peer.replies_got] == text;
    EXPECT_TRUE(due) << text << " arrived, due was "
                     << (peer.replies_got < peer.replies.size() ? peer.replies[peer.replies_got] : "none");
    ++peer.replies_got;
    if (channel.empty()) return;
    const auto* token = next(peer, channel);
    EXPECT_TRUE(token != nullptr && token->control == text)
        << text << " arrived, due in its channel was " << describe(token);
  }

  static const Peer::Token* next(Peer& peer, const std::string& channel) {
    auto& view = peer.views[channel];
    return view.got < view.want.size() ? &view.want[view.got++] : nullptr;
  }
  static std::string describe(const Peer::Token* token) {
    if (token == nullptr) return "nothing";
    return token->control.empty() ? fmt::format("publication {}", token->n) : token->control;
  }

  void check_all_seen(const Peer& peer) {
    EXPECT_EQ(peer.replies_got + (peer.close_seen ? 1 : 0), peer.replies.size());
    for (const auto& [channel, view] : peer.views) EXPECT_EQ(view.got, view.want.size()) << "missing in " << channel;
  }

  // One round of turns and of writes to all sockets that take anything; true where nothing is left to happen.
  bool at_rest(int round) {
    bool more = false;
    for (unsigned i = 0; i < net_.shards(); ++i) more = turn(i) || more;
    for (auto& peer : peers_) {
      if (!peer->client.wants_writable || peer->never) continue;
      // Their bytes were looked at one by one long enough.
      if (round == 200) peer->client.takes = FakeClient::all();
      writable(*peer);
      more = true;
    }
    for (unsigned i = 0; i < net_.shards(); ++i) more = net_.has_mail(i) || more;
    return !more;
  }

  void check_complete(Peer& peer) {
    for (const auto& [channel, view] : peer.views) {
      EXPECT_NE(view.state, Peer::State::waiting) << "the home has not answered for " << channel;
      if (view.state != Peer::State::on) continue;
      if (view.next || view.taken_at_reply != taken_[channel]) EXPECT_EQ(view.next, taken_[channel]) << channel;
    }
    if (peer.client.wants_writable) {
      EXPECT_TRUE(peer.never);
      if (!peer.closing) EXPECT_LE(peer.expected_bytes - peer.client.received.size(), 2 * limits_.queue_bytes);
      return;
    }
    EXPECT_FALSE(peer.closing) << "closed and never drained";
    EXPECT_EQ(peer.parsed, peer.client.received.size());
    check_all_seen(peer);
  }

  const Hub::Limits limits_;
  OneThread net_;
  Tally& tally_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::map<std::string, std::vector<std::string>> published_;          // data, by channel and number
  std::map<std::string, std::map<std::uint64_t, std::size_t>> place_;  // number → place in the home's sequence
  std::map<std::string, std::size_t> taken_;                           // how many the home took
  std::optional<Now> now_;
  int publishing_ = 0;
};

}  // namespace gatecast::hub::testing
