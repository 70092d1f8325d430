// A master that sentinels name: one of them is asked and listened to at a time, and when it goes quiet the next.
#include <charconv>

#include "adapters/redis/client_core.hpp"
#include "adapters/redis/command_text.hpp"

namespace gatecast::redis {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kSwitched = "+switch-master";
constexpr Duration kAskEvery = 2s;
constexpr Duration kHurryEvery = 100ms;
// A master out of touch for so long: perhaps another sentinel knows of a newer one.
constexpr Duration kDoubtAfter = 1s;
constexpr Duration kRoundPause = 500ms;

std::optional<RedisAddress> address_of(std::string_view host, std::string_view port) {
  RedisAddress out{.host = std::string(host), .port = 0};
  const auto end = std::from_chars(port.data(), port.data() + port.size(), out.port).ptr;
  if (host.empty() || end != port.data() + port.size() || out.port == 0) return std::nullopt;
  return out;
}

class Sentinel final : public ClientCore, private Connection::Owner {
 public:
  explicit Sentinel(std::unique_ptr<Shared> shared)
      : ClientCore(std::move(shared)), link_(*shared_, *this), asked_(*shared_, *this) {
    link_.probe_with(shared_->options.topics ? probe_topic(*shared_, {}) : std::string());
  }
  ~Sentinel() override { stop(); }

 private:
  void begin() override { next_sentinel(); }
  void end() override {
    if (timer_ != 0) shared_->loop.cancel(std::exchange(timer_, 0));
    asked_.close();
    link_.close();
  }
  Link* link_of(std::uint16_t) override { return &link_; }
  void issue(Request request) override { link_.send(std::move(request)); }
  bool touch() const override { return link_.in_touch(); }
  std::string trouble_now() const override { return known_ ? link_.trouble() : trouble_; }
  std::string refusal_now() const override {
    if (!link_.refusal().empty()) return link_.refusal();
    // One sentinel that refuses is no reason to give up on the others.
    return refusals_ >= shared_->url.hosts.size() ? trouble_ : std::string();
  }

  void on_tick() override {
    link_.tick();
    const auto now = shared_->loop.now();
    if (!asked_.ready()) return;
    if (now - asked_at_ >= kAskEvery) ask();
    const auto down = link_.down_since();
    if (down && now - *down >= kDoubtAfter && now - changed_at_ >= kDoubtAfter && shared_->url.hosts.size() > 1) {
      asked_.close();
      next_sentinel();
    }
  }
  void on_lost(Link& from) override {
    ClientCore::on_lost(from);
    hurry();
  }
  void on_not_master(Link&) override { hurry(); }

  void next_sentinel() {
    changed_at_ = shared_->loop.now();
    const auto& hosts = shared_->url.hosts;
    asked_.open(hosts[next_++ % hosts.size()], {shared_->url.sentinel_user, shared_->url.sentinel_password, 0});
  }
  void hurry() {
    if (asked_.ready() && shared_->loop.now() - asked_at_ >= kHurryEvery) ask();
  }
  void ask() {
    asked_at_ = shared_->loop.now();
    const std::string_view texts[] = {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", shared_->url.master};
    Request request{.body = command_text(texts), .due = asked_at_ + shared_->options.deadline};
    request.own = true;
    request.done = [this](Result<Value> value) {
      if (value) answered(*value);
    };
    asked_.send(std::move(request));
  }
  void answered(const Value& value) {
    std::optional<RedisAddress> master;
    if (value.items.size() == 2) master = address_of(value.items[0].text, value.items[1].text);
    if (!master) {
      return asked_.lose(
          value.is_error() ? value.text : fmt::format("no master is called {} here", shared_->url.master), true);
    }
    refusals_ = 0;
    go_to(*master);
  }
  void go_to(const RedisAddress& master) {
    known_ = true;
    link_.go_to(master);
  }

  void on_open(Connection&) override {
    if (asked_.greeting().mode != "sentinel") return asked_.lose("is no sentinel", true);
    const std::string_view subscribe[] = {"SUBSCRIBE", kSwitched};
    asked_.send_topics(command_text(subscribe));
    ask();
  }
  void on_lost(Connection&, const std::string& why, bool for_good) override {
    trouble_ = why;
    refusals_ = for_good ? refusals_ + 1 : 0;
    if (timer_ != 0) return;
    // At once to the next, and after each round a pause.
    const bool round = next_ % shared_->url.hosts.size() == 0;
    timer_ = shared_->loop.after(round ? kRoundPause : Duration::zero(), [this] {
      timer_ = 0;
      next_sentinel();
    });
    notice();
  }
  void on_reply(Connection&, Request, Result<Value>) override {}
  void on_push(Connection&, Value) override {}
  void on_stray_error(Connection& from, const std::string& text) override { from.lose(text, true); }
  /// "NAME OLD-HOST OLD-PORT NEW-HOST NEW-PORT"
  void on_message(std::string_view topic, std::string_view payload) override {
    std::vector<std::string_view> words;
    for (std::size_t at = 0; at <= payload.size();) {
      const auto end = std::min(payload.find(' ', at), payload.size());
      words.push_back(payload.substr(at, end - at));
      at = end + 1;
    }
    if (topic != kSwitched || words.size() != 5 || words[0] != shared_->url.master) return;
    if (const auto master = address_of(words[3], words[4])) go_to(*master);
  }
  using ClientCore::on_message;
  using ClientCore::on_reply;

  Link link_;
  Connection asked_;
  std::size_t next_ = 0;
  std::size_t refusals_ = 0;
  bool known_ = false;
  std::string trouble_ = "no sentinel has answered";
  SteadyTime asked_at_{};
  SteadyTime changed_at_{};
  Loop::TimerId timer_ = 0;
};

}  // namespace

std::unique_ptr<Client> make_sentinel(std::unique_ptr<Shared> shared) {
  return std::make_unique<Sentinel>(std::move(shared));
}

}  // namespace gatecast::redis
