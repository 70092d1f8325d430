// Filters and differences under bad sockets, full lanes, lost connections and slow consumers, in an order that a seed
// decides: each subscriber must see exactly the publications that fit, whole, in order, or be told.
//
// The model knows what the home took, offset by offset. Each client decodes what its socket got as an SDK does: it
// keeps the last data as the base of the next difference and follows the hub only through frames.
// GATECAST_SEED=n replays one seed; GATECAST_SEEDS=n runs that many.
#include <cstdlib>
#include <map>
#include <random>

#include "broker/fossil.hpp"
#include "hub/testing.hpp"

namespace gatecast::hub {
namespace {

using broker::StreamPosition;
using testing::FakeClient;
using testing::OneThread;

const std::string kChannel = "a";

struct Filter {
  std::string_view json;
  bool (*fits)(int kind, int number);
};
constexpr Filter kFilters[] = {
    {R"({"key":"k","cmp":"eq","val":"1"})", [](int kind, int) { return kind == 1; }},
    {R"({"key":"k","cmp":"in","vals":["0","3"]})", [](int kind, int) { return kind == 0 || kind == 3; }},
    {R"({"key":"n","cmp":"gte","val":"50"})", [](int, int number) { return number >= 50; }},
    {R"({"op":"not","nodes":[{"op":"or","nodes":[{"key":"k","cmp":"eq","val":"2"},{"key":"n","cmp":"lt","val":"9"}]}]})",
     [](int kind, int number) { return kind != 2 && number >= 9; }},
};

FilterRef parsed(const Filter& filter) {
  auto made = protocol::TagsFilter::parse(filter.json);
  EXPECT_TRUE(made.has_value());
  return std::make_shared<const protocol::TagsFilter>(std::move(*made));
}

struct Tally {
  std::uint64_t published = 0, seen = 0, deltas = 0, wholes = 0, recovered = 0, unrecovered = 0, gaps = 0, slow = 0;
  std::uint64_t refilled = 0, logged = 0;
};

/// One subscription from its reply on.
struct Segment {
  std::uint64_t from = 0;  // the offset behind which it begins
  std::uint64_t live = 0;  // behind which live publications begin
  std::vector<std::string> recovered{};
  std::vector<std::string> got{};
  bool whole = true;  // it stands at the end: everything must have come
};

struct Peer {
  enum class Wants : std::uint8_t { plain, filtered, delta };
  Peer(unsigned s, Wants w, const Filter* f, FakeClient::Takes takes)
      : shard(s), wants(w), filter(f), client(std::move(takes)) {}

  const unsigned shard;
  const Wants wants;
  const Filter* filter;
  FakeClient client;
  bool asked = false;  // waits for the home, or stands
  bool on = false;
  std::vector<std::unique_ptr<Segment>> segments;
  // What the SDK knows.
  std::size_t parsed = 0;
  std::size_t replies = 0;
  Segment* reading = nullptr;
  std::optional<std::string> base{};
  std::uint64_t at = 0;  // of the last publication it has
  bool has_position = false;
};

class Story {
 public:
  Story(std::uint64_t seed, unsigned shards, Tally& tally)
      : random_(seed),
        tally_(tally),
        history_{.size = static_cast<std::uint32_t>(pick<unsigned>({4, 20, 200})), .time = std::chrono::minutes(10)},
        net_(shards, limits(), bounds()) {
    for (int i = 0; i < 22; ++i) open();
  }
  ~Story() {
    for (auto& peer : peers_) bury(*peer);
    for (int i = 0; i < 100; ++i) {
      for (unsigned s = 0; s < net_.shards(); ++s) net_.mail(s);
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) step();
    if (!::testing::Test::HasFailure()) finish();
  }

 private:
  std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }
  bool chance(unsigned percent) { return below(100) < percent; }
  template <class T>
  T pick(std::initializer_list<T> of) {
    return *(of.begin() + below(of.size()));
  }
  Hub::Limits limits() {
    return {.queue_bytes = pick<std::size_t>({2000, 1u << 20}), .turn_clients = pick<unsigned>({3, 512})};
  }
  OneThread::Bounds bounds() {
    OneThread::Bounds b;
    if (chance(50)) b.count = below(6) + 2;
    return b;
  }

  FakeClient::Takes socket() {
    if (chance(40)) return FakeClient::all();
    if (chance(10)) return FakeClient::at_most(1);
    return [this](std::size_t offered) { return chance(30) ? offered : below(std::min<std::size_t>(offered, 90) + 1); };
  }

  void open() {
    const auto wants = pick({Peer::Wants::delta, Peer::Wants::delta, Peer::Wants::filtered, Peer::Wants::plain});
    const auto shard = static_cast<unsigned>(chance(60) ? 0 : below(net_.shards()));
    come(shard, wants, wants == Peer::Wants::filtered ? &kFilters[below(std::size(kFilters))] : nullptr);
  }
  void come(unsigned shard, Peer::Wants wants, const Filter* filter, const Peer* before = nullptr) {
    auto& peer = *peers_.emplace_back(std::make_unique<Peer>(shard, wants, filter, socket()));
    peer.client.then_slow = [this, &peer] {
      ++tally_.slow;
      bury(peer);
    };
    peer.client.then_gap = [this, &peer](std::string_view) {
      ++tally_.gaps;
      leave(peer);
    };
    if (before != nullptr) {
      peer.at = before->at;
      peer.has_position = before->has_position;
    }
    subscribe(peer);
  }

  void subscribe(Peer& peer) {
    if (peer.asked || peer.client.gone) return;
    peer.asked = true;
    SubscribeOptions options{.delta = peer.wants == Peer::Wants::delta};
    if (peer.filter != nullptr) options.filter = parsed(*peer.filter);
    std::uint64_t since = 0;
    if (peer.has_position && chance(80)) {
      options.recover = StreamPosition{since = peer.at, broker::kAnyEpoch};
    }
    const bool recovers = options.recover.has_value();
    net_.hub(peer.shard)
        .subscribe(peer.client, kChannel, std::move(options), [this, &peer, since, recovers](Result<Subscribed> done) {
          answered(peer, since, recovers, std::move(done));
        });
  }

  void answered(Peer& peer, std::uint64_t since, bool recovers, Result<Subscribed> done) {
    if (!done) {
      peer.asked = false;
      return;
    }
    peer.on = true;
    auto segment = std::make_unique<Segment>();
    segment->from = segment->live = done->position.offset;
    if (recovers) ++(done->recovered ? tally_.recovered : tally_.unrecovered);
    if (done->recovered) {
      segment->from = since;
      for (const auto& p : done->publications) {
        segment->recovered.push_back(p->data);
        offsets_[p->data] = p->offset;
      }
    } else {
      EXPECT_TRUE(done->publications.empty());
    }
    peer.segments.push_back(std::move(segment));
    say(peer, fmt::format("R {}", peer.segments.size() - 1));
    const auto here = std::ranges::count_if(peers_, [&](auto& p) { return p->shard == peer.shard && p->on; });
    if (here >= static_cast<std::ptrdiff_t>(Channel::kLogFrom)) ++tally_.logged;
  }

  void say(Peer& peer, const std::string& text) { net_.hub(peer.shard).send(peer.client, testing::frame(text)); }

  void leave(Peer& peer) {
    if (!peer.on) return;
    EXPECT_TRUE(net_.hub(peer.shard).unsubscribe(peer.client, kChannel));
    peer.on = peer.asked = false;
    peer.segments.back()->whole = false;
    say(peer, "R left");
  }

  void bury(Peer& peer) {
    if (peer.client.gone) return;
    read(peer);
    net_.forget(peer.shard, peer.client);
    peer.on = peer.asked = false;
    if (!peer.segments.empty()) peer.segments.back()->whole = false;
  }

  /// The connection is lost; another one goes on from what had arrived.
  void cut(Peer& old) {
    bury(old);
    come(static_cast<unsigned>(below(net_.shards())), old.wants, old.filter, &old);
  }

  void publish() {
    const int n = next_++;
    const int kind = static_cast<int>(below(4)), number = static_cast<int>(below(100));
    auto p = std::make_shared<broker::Publication>();
    p->channel = kChannel;
    p->data = chance(10) ? fmt::format("{}", n)
                         : fmt::format(R"({{"n":{},"kind":{},"number":{},"text":"{}é東"}})", n, kind, number,
                                       std::string(below(3) * 60, 'x'));
    p->tags = {{"k", std::to_string(kind)}, {"n", std::to_string(number)}};
    p->delta = chance(85);
    const auto from = static_cast<unsigned>(below(net_.shards()));
    kinds_[p->data] = {kind, number};
    net_.run(from, publishing(*this, from, p));
  }
  static Task<void> publishing(Story& story, unsigned from, std::shared_ptr<broker::Publication> p) {
    const std::string data = p->data;
    const auto position = co_await story.net_.hub(from).publish(std::move(p), {.history = story.history_});
    if (!position) co_return;
    ++story.tally_.published;
    story.known_[position->offset] = data;
    story.offsets_[data] = position->offset;
  }

  bool fits(const Peer& peer, const std::string& data) {
    const auto [kind, number] = kinds_.at(data);
    return peer.filter == nullptr || peer.filter->fits(kind, number);
  }

  /// Data of the offsets in (after, to].
  std::vector<std::string> fitting(const Peer& peer, std::uint64_t after, std::uint64_t to) {
    std::vector<std::string> all;
    for (auto at = after + 1; at <= to; ++at) {
      if (fits(peer, known_.at(at))) all.push_back(known_.at(at));
    }
    return all;
  }

  void read(Peer& peer) {
    std::vector<std::string> frames;
    EXPECT_TRUE(testing::parse_frames(peer.client.received, peer.parsed, frames));
    for (const auto& text : frames) arrived(peer, text);
  }

  void arrived(Peer& peer, const std::string& text) {
    if (text == "R left") {
      peer.reading = nullptr;
      return;
    }
    if (text.starts_with("R ")) {
      peer.reading = peer.segments[std::stoul(text.substr(2))].get();
      // A client that comes back may have lost its base; it only counts on what this reply gave it.
      peer.base.reset();
      for (const auto& data : peer.reading->recovered) take(peer, data);
      if (peer.reading->recovered.empty()) peer.at = peer.reading->live;
      peer.has_position = true;
      return;
    }
    ASSERT_NE(peer.reading, nullptr) << "a publication outside a subscription: " << text;
    std::string_view data = std::string_view(text).substr(4);  // "P a "
    if (peer.wants == Peer::Wants::delta) {
      const bool whole = data.starts_with("whole ");
      data.remove_prefix(6);
      if (!whole) {
        ASSERT_TRUE(peer.base.has_value()) << "a difference for one who holds nothing: " << text;
        const auto made = broker::apply_fossil_delta(*peer.base, data);
        ASSERT_TRUE(made.has_value()) << "a difference from something else: " << text << "\nbase " << *peer.base;
        ++tally_.deltas;
        peer.reading->got.push_back(*made);
        return take(peer, *made);
      }
      ++tally_.wholes;
    }
    peer.reading->got.emplace_back(data);
    take(peer, std::string(data));
  }

  void take(Peer& peer, const std::string& data) {
    ++tally_.seen;
    peer.base = data;
    const auto at = offsets_.find(data);
    if (at != offsets_.end()) peer.at = at->second;
  }

  void step() {
    auto& peer = *peers_[below(peers_.size())];
    const auto what = below(100);
    if (what < 34) return publish();
    if (what < 60) return turn(static_cast<unsigned>(below(net_.shards())), chance(30) ? below(4) : ~std::size_t{0});
    if (what < 84) {
      if (peer.client.gone) return;
      if (peer.client.wants_writable) net_.hub(peer.shard).writable(peer.client);
      read(peer);
      return;
    }
    if (what < 90) return peer.on ? leave(peer) : subscribe(peer);
    if (what < 96) {
      if (!peer.client.gone) cut(peer);
      return;
    }
    if (peers_.size() < 60) open();
  }

  void turn(unsigned shard, std::size_t data_max) {
    net_.turn(shard, data_max);
    for (auto& peer : peers_) {
      if (peer->shard == shard && !peer->client.gone) read(*peer);
    }
  }

  void finish() {
    bool more = true;
    for (int round = 0; more && !::testing::Test::HasFailure(); ++round) {
      ASSERT_LT(round, 10'000) << "it does not come to rest";
      more = false;
      for (unsigned s = 0; s < net_.shards(); ++s) more = net_.turn(s) || more;
      for (auto& peer : peers_) {
        if (peer->client.gone) continue;
        if (round == 100) peer->client.takes = FakeClient::all();
        if (peer->client.wants_writable) {
          net_.hub(peer->shard).writable(peer->client);
          more = true;
        }
        read(*peer);
      }
      for (unsigned s = 0; s < net_.shards(); ++s) more = net_.has_mail(s) || more;
    }
    for (unsigned s = 0; s < net_.shards(); ++s) tally_.refilled += net_.hub(s).stats().refilled;
    const std::uint64_t top = known_.empty() ? 0 : known_.rbegin()->first;
    for (auto& peer : peers_) {
      for (const auto& segment : peer->segments) check(*peer, *segment, top);
    }
  }

  void check(const Peer& peer, const Segment& segment, std::uint64_t top) {
    EXPECT_EQ(segment.recovered, fitting(peer, segment.from, segment.live));
    auto want = fitting(peer, segment.from, top);
    std::vector<std::string> got = segment.recovered;
    got.insert(got.end(), segment.got.begin(), segment.got.end());
    // One that was left sees what came before; how much that is, its leaving decides.
    ASSERT_LE(got.size(), want.size());
    if (!segment.whole) want.resize(got.size());
    EXPECT_EQ(got, want) << "shard " << peer.shard << " from " << segment.from;
  }

  std::mt19937_64 random_;
  Tally& tally_;
  const broker::HistoryOptions history_;
  OneThread net_;
  std::vector<std::unique_ptr<Peer>> peers_;
  int next_ = 1000;
  std::map<std::uint64_t, std::string> known_;
  std::map<std::string, std::uint64_t> offsets_;
  std::map<std::string, std::pair<int, int>> kinds_;
};

class ApartStories : public ::testing::TestWithParam<unsigned> {};

TEST_P(ApartStories, EachSeesExactlyWhatFits) {
  std::uint64_t first = 1, count = 150;
  if (const char* n = std::getenv("GATECAST_SEEDS")) count = std::strtoull(n, nullptr, 10);
  if (const char* n = std::getenv("GATECAST_SEED")) {
    first = std::strtoull(n, nullptr, 10);
    count = 1;
  }
  Tally tally;
  for (auto seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(fmt::format("GATECAST_SEED={} shards={}", seed, GetParam()));
    Story(seed, GetParam(), tally).run(500);
    if (HasFailure()) FAIL() << "replay: GATECAST_SEED=" << seed;
  }
  if (count < 100) return;
  // Stories in which nothing happens would prove nothing.
  EXPECT_GT(tally.published, 50 * count);
  EXPECT_GT(tally.seen, 500 * count);
  EXPECT_GT(tally.deltas, 100 * count);
  EXPECT_GT(tally.wholes, 20 * count);
  EXPECT_GT(tally.recovered, 3 * count);
  EXPECT_GT(tally.unrecovered, count / 4);
  EXPECT_GT(tally.slow, count / 4);
  EXPECT_GT(tally.logged, 3 * count);
  if (GetParam() == 1) return;
  EXPECT_GT(tally.refilled, count / 2);
  EXPECT_GT(tally.gaps, count / 4);
}

INSTANTIATE_TEST_SUITE_P(Shards, ApartStories, ::testing::Values(1u, 4u),
                         [](const auto& info) { return fmt::format("{}", info.param); });

}  // namespace
}  // namespace gatecast::hub
