// A cluster: a link a master, the map of slots, and redirections.
//
// A scout, a connection of its own to one of the known servers at a time, reads the map every 5 s, sooner where a
// server says MOVED or is away, at most every 100 ms. Slots that nobody is known to have wait for the map.
#include <charconv>
#include <map>

#include "adapters/redis/client_core.hpp"
#include "adapters/redis/command_text.hpp"
#include "adapters/redis/slots.hpp"

namespace gatecast::redis {
namespace {

using namespace std::chrono_literals;

constexpr Duration kReadEvery = 5s;
constexpr Duration kReadEveryAway = 500ms;
constexpr Duration kReadEveryMost = 100ms;
constexpr Duration kScoutDoubt = 2s;
constexpr Duration kRoundPause = 500ms;
constexpr Duration kGuestStays = 10s;
constexpr std::uint8_t kRedirectsMax = 5;
constexpr std::size_t kLinksMax = 1000;

/// "MOVED 3999 127.0.0.1:6381", "ASK 3999 ::1:6381"; an empty host is that of who says it.
struct Redirection {
  std::uint16_t slot = 0;
  RedisAddress to{};
};
std::optional<Redirection> redirection(std::string_view text, const RedisAddress& from) {
  const auto blank = text.find(' ');
  const auto second = text.find(' ', blank + 1);
  if (blank == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
  const std::string_view slot = text.substr(blank + 1, second - blank - 1);
  const std::string_view address = text.substr(second + 1);
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view port = address.substr(colon + 1);
  Redirection out{.slot = 0, .to = {.host = std::string(address.substr(0, colon)), .port = 0}};
  if (out.to.host.empty() || out.to.host == "?") out.to.host = from.host;
  const bool fine =
      std::from_chars(slot.data(), slot.data() + slot.size(), out.slot).ptr == slot.data() + slot.size() &&
      std::from_chars(port.data(), port.data() + port.size(), out.to.port).ptr == port.data() + port.size() &&
      out.slot < kSlots && out.to.port != 0;
  return fine ? std::optional(std::move(out)) : std::nullopt;
}

class Cluster final : public ClientCore, private Connection::Owner {
 public:
  explicit Cluster(std::unique_ptr<Shared> shared)
      : ClientCore(std::move(shared)), scout_(*shared_, *this), owners_(kSlots, nullptr) {}
  ~Cluster() override { stop(); }

 private:
  struct Member {
    std::unique_ptr<Link> link;
    std::size_t slots = 0;
    SteadyTime idle_since{};  // where it has none
  };

  void begin() override { next_scout(); }
  void end() override {
    if (timer_ != 0) shared_->loop.cancel(std::exchange(timer_, 0));
    scout_.close();
    parked_.clear();
    std::fill(owners_.begin(), owners_.end(), nullptr);
    for (auto& [address, member] : members_) member.link->close();
  }
  Link* link_of(std::uint16_t slot) override { return owners_[slot]; }
  bool touch() const override {
    if (unowned_ > 0) return false;
    return std::all_of(members_.begin(), members_.end(),
                       [](const auto& one) { return one.second.slots == 0 || one.second.link->in_touch(); });
  }
  std::string trouble_now() const override {
    for (const auto& [address, member] : members_) {
      if (member.slots > 0 && !member.link->in_touch()) return member.link->trouble();
    }
    return members_.empty() ? trouble_ : fmt::format("{} slots have no server", unowned_);
  }
  std::string refusal_now() const override {
    for (const auto& [address, member] : members_) {
      if (member.slots > 0 && !member.link->refusal().empty()) return member.link->refusal();
    }
    return refusals_ >= shared_->url.hosts.size() ? trouble_ : std::string();
  }

  void on_tick() override {
    const auto now = shared_->loop.now();
    for (auto& [address, member] : members_) member.link->tick();
    while (!parked_.empty() && parked_.front().due <= now) {
      Request request = std::move(parked_.front());
      parked_.pop_front();
      parked_bytes_ -= request.bytes();
      finish(std::move(request), fail(Errc::temporarily_unavailable, "no server is known for its slot"));
    }
    retire(now);
    const bool well = touch();
    if (!well && scout_.ready() && now - scouted_at_ >= kScoutDoubt) {
      scout_.close();
      return next_scout();
    }
    if (wanted_ || now - read_at_ >= (well ? kReadEvery : kReadEveryAway)) read_map();
  }

  // ---- commands

  void issue(Request request) override {
    if (Link* const link = owners_[request.slot]) return link->send(std::move(request));
    const auto& bounds = shared_->options;
    if (parked_.size() >= bounds.queue_commands || parked_bytes_ + request.bytes() > bounds.queue_bytes) {
      return shared_->later([this, request = std::move(request)]() mutable {
        finish(std::move(request), fail(Errc::overloaded, "the queue to Redis is full"));
      });
    }
    parked_bytes_ += request.bytes();
    parked_.push_back(std::move(request));
  }

  void on_reply(Link& from, Request request, Result<Value> value) override {
    const std::string_view text = value && value->is_error() ? std::string_view(value->text) : std::string_view{};
    const bool moved = text.starts_with("MOVED ");
    if (!moved && !text.starts_with("ASK ")) return finish(std::move(request), std::move(value));
    const auto where = redirection(text, from.address());
    if (moved) wanted_ = true;
    if (!where || ++request.redirects > kRedirectsMax || shared_->loop.now() >= request.due) {
      return finish(std::move(request), fail(Errc::temporarily_unavailable, std::string(text)));
    }
    Link* const to = join(where->to);
    if (to == nullptr) return finish(std::move(request), fail(Errc::temporarily_unavailable, std::string(text)));
    if (moved) give_slot(where->slot, to);
    request.asking = !moved;
    to->send(std::move(request));
  }
  void on_lost(Link& from) override {
    ClientCore::on_lost(from);
    wanted_ = true;
  }
  void on_not_master(Link&) override { wanted_ = true; }
  void on_topic_gone(Link& from, std::string_view error) override {
    strays_ = true;
    if (error.starts_with("NOPERM")) return;  // nobody else would take it: again with the next map
    wanted_ = true;
    if (const auto where = error.starts_with("MOVED ") ? redirection(error, from.address()) : std::nullopt) {
      if (Link* const to = join(where->to)) give_slot(where->slot, to);
    }
  }

  // ---- members

  /// The link to a server, made where there is none; null: too many.
  Link* join(const RedisAddress& address) {
    if (const auto at = members_.find(address); at != members_.end()) return at->second.link.get();
    if (members_.size() >= kLinksMax) return nullptr;
    Member& made = members_[address];
    made.link = std::make_unique<Link>(*shared_, static_cast<Link::Owner&>(*this));
    made.idle_since = shared_->loop.now();
    made.link->go_to(address);
    return made.link.get();
  }

  void give_slot(std::uint16_t slot, Link* to) {
    if (owners_[slot] == to) return;
    if (owners_[slot] != nullptr) {
      Member& former = members_[owners_[slot]->address()];
      if (--former.slots == 0) former.idle_since = shared_->loop.now();
    } else {
      --unowned_;
    }
    owners_[slot] = to;
    if (to == nullptr) {
      ++unowned_;
    } else {
      ++members_[to->address()].slots;
    }
    moved_ = true;
  }

  /// What has had no slot for a while is no part of the cluster any more.
  void retire(SteadyTime now) {
    const auto over = [now](const auto& one) {
      return one.second.slots == 0 && now - one.second.idle_since >= kGuestStays;
    };
    if (std::none_of(members_.begin(), members_.end(), over)) return;
    // No topic is at one of them any more.
    moved_ = true;
    settle();
    for (auto at = members_.begin(); at != members_.end();) {
      if (!over(*at)) {
        ++at;
        continue;
      }
      std::unique_ptr<Link> link = std::move(at->second.link);
      at = members_.erase(at);
      link->lose("no longer part of the cluster");
      for (Request& request : link->take_parked()) issue(std::move(request));
      link->close();
      // An event of this turn may still come.
      shared_->later([link = std::move(link)] {});
    }
  }

  void settle() {
    if (!std::exchange(moved_, false) && !std::exchange(strays_, false)) return;
    strays_ = false;
    for (auto& [address, member] : members_) {
      member.link->probe_with(member.slots == 0 || !shared_->options.topics ? std::string() : probe_for(member));
      for (Request& request : member.link->take_parked()) issue(std::move(request));
    }
    auto parked = std::exchange(parked_, {});
    parked_bytes_ = 0;
    for (Request& request : parked) issue(std::move(request));
    move_topics();
    notice();
  }

  /// The former one while its slot is still here.
  std::string probe_for(const Member& member) {
    const std::string& former = member.link->probes();
    if (!former.empty() && owners_[slot_of(former)] == member.link.get()) return former;
    for (unsigned i = 0;; ++i) {
      const std::string tag = fmt::format("{{{}}}", i);
      if (owners_[slot_of(tag)] == member.link.get()) return probe_topic(*shared_, tag);
      // A server with few slots: its topics go unproven rather than the loop stand still.
      if (i == 65'536) return {};
    }
  }

  // ---- the map

  void next_scout() {
    scouted_at_ = shared_->loop.now();
    reading_ = false;
    std::vector<RedisAddress> known = shared_->url.hosts;
    for (const auto& [address, member] : members_) {
      if (member.slots > 0) known.push_back(address);
    }
    rounds_ = known.size();
    scout_.open(known[next_++ % known.size()], {shared_->url.user, shared_->url.password, 0});
  }

  void read_map() {
    const auto now = shared_->loop.now();
    if (!scout_.ready() || reading_ || now - read_at_ < kReadEveryMost) return;
    wanted_ = false;
    reading_ = true;
    read_at_ = now;
    const std::string_view texts[] = {"CLUSTER", "SLOTS"};
    Request request{.body = command_text(texts), .due = now + shared_->options.deadline};
    request.own = true;
    request.done = [this](Result<Value> value) {
      reading_ = false;
      if (!value) return;
      if (value->is_error()) return scout_.lose(value->text, value->text.starts_with("NOPERM"));
      take_map(*value);
    };
    scout_.send(std::move(request));
  }

  /// Of each range: first slot, last slot, [host, port, …] of its master, then the replicas.
  void take_map(const Value& map) {
    std::vector<Link*> owners(kSlots, nullptr);
    for (const Value& range : map.items) {
      if (range.items.size() < 3 || range.items[2].items.size() < 2) continue;
      const auto first = range.items[0].number;
      const auto last = range.items[1].number;
      const Value& host = range.items[2].items[0];
      const auto port = range.items[2].items[1].number;
      if (first < 0 || last >= kSlots || first > last || port <= 0 || port > 65535) continue;
      const bool same = host.is_null() || host.text.empty() || host.text == "?";
      Link* const link = join({same ? scout_.address().host : host.text, static_cast<std::uint16_t>(port)});
      for (auto slot = first; slot <= last; ++slot) owners[static_cast<std::size_t>(slot)] = link;
    }
    // A server that has just lost sight of the others may know of none; what was known then stays.
    if (map.items.empty() && unowned_ < kSlots) return;
    refusals_ = 0;
    for (std::size_t slot = 0; slot < kSlots; ++slot) give_slot(static_cast<std::uint16_t>(slot), owners[slot]);
    settle();
  }

  void on_open(Connection&) override {
    if (scout_.greeting().mode != "cluster") return scout_.lose("is not a cluster: use redis://", true);
    read_at_ = {};
    read_map();
  }
  void on_lost(Connection&, const std::string& why, bool for_good) override {
    trouble_ = why;
    refusals_ = for_good ? refusals_ + 1 : 0;
    reading_ = false;
    if (timer_ != 0) return;
    const bool round = next_ % rounds_ == 0;
    timer_ = shared_->loop.after(round ? kRoundPause : Duration::zero(), [this] {
      timer_ = 0;
      next_scout();
    });
  }
  void on_reply(Connection&, Request, Result<Value>) override {}
  void on_message(std::string_view, std::string_view) override {}
  void on_push(Connection&, Value) override {}
  void on_stray_error(Connection& from, const std::string& text) override { from.lose(text); }
  using ClientCore::on_message;

  Connection scout_;
  std::map<RedisAddress, Member> members_{};
  std::vector<Link*> owners_;
  std::size_t unowned_ = kSlots;
  std::deque<Request> parked_{};
  std::size_t parked_bytes_ = 0;
  std::string trouble_ = "no server of the cluster has answered";
  std::size_t next_ = 0;
  std::size_t rounds_ = 1;
  std::size_t refusals_ = 0;
  bool wanted_ = false;   // the map, soon
  bool reading_ = false;  // the map is asked for
  bool moved_ = false;    // slots have other owners
  bool strays_ = false;   // topics are at no server
  SteadyTime read_at_{};
  SteadyTime scouted_at_{};
  Loop::TimerId timer_ = 0;
};

}  // namespace

std::unique_ptr<Client> make_cluster(std::unique_ptr<Shared> shared) {
  return std::make_unique<Cluster>(std::move(shared));
}

}  // namespace gatecast::redis
