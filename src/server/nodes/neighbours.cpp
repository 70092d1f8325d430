#include "server/nodes/neighbours.hpp"

#include "access/grants.hpp"
#include "core/log.hpp"
#include "metrics/registry.hpp"
#include "server/granted.hpp"
#include "server/json/json_in.hpp"
#include "server/json/json_out.hpp"
#include "server/nodes/node_facts.hpp"
#include "session/bell.hpp"

namespace gatecast::server {
namespace {

constexpr Duration kTickEvery = std::chrono::seconds{1};
constexpr unsigned kHistoryEvery = 30;  // ticks
constexpr unsigned kJudgeEvery = 10;
// Signs of one loss come one after the other, and judging everybody asks the store for all who have grants.
constexpr Duration kJudgeAfter = std::chrono::seconds{1};
constexpr Duration kWaitMax = std::chrono::minutes{10};

}  // namespace

Neighbours::Neighbours(Services& services, broker::Nodes& nodes) : services_(services), nodes_(nodes) {
  nodes_.on("events", [this](std::string, std::string) { return hear_events(); });
  nodes_.on("grants", [this](std::string, std::string body) { return hear_grants(std::move(body)); });
  nodes_.on_lost([this] {
    doubt_grants();
    // Events of which nobody told are found by looking.
    ++heard_;
    services_.events.ring();
  });
}

void Neighbours::start(Loop& loop) {
  loop_.store(&loop);
  nodes_.start(loop, [this] { return facts_json(facts_of(services_, history())); });
  ++running_;
  spawn(pass_on_events(), [this] {
    if (--running_ == 0 && stopped_) std::exchange(stopped_, std::nullopt)->operator()(true);
  });
  tick();
}

Task<void> Neighbours::stop() {
  Loop* loop = loop_.exchange(nullptr);
  if (loop == nullptr) co_return;
  stopping_ = true;
  loop->cancel(tick_);
  loop->cancel(doubt_);
  if (running_ > 0) {
    static_cast<void>(co_await arrival<bool>([this](Resume<bool> resume) { stopped_.emplace(std::move(resume)); }));
  }
}

void Neighbours::tick() {
  metrics::gauge_set<"nodes">(static_cast<std::int64_t>(nodes_.all().size()));
  // Nobody says what changes, so that what is read now is good for a moment only.
  if (!nodes_.in_touch()) services_.grants->forget_all();
  // Whoever moved a grant that ran out may have gone before it told anybody: what is open is judged by time as well.
  if (ticks_ % kJudgeEvery == kJudgeEvery - 1) rejudge_all(services_);
  if (ticks_++ % kHistoryEvery == 0) {
    ++running_;
    spawn(ask_history(), [this] {
      if (--running_ == 0 && stopped_) std::exchange(stopped_, std::nullopt)->operator()(true);
    });
  }
  tick_ = loop_.load()->after(kTickEvery, [this] { tick(); });
}

Task<void> Neighbours::ask_history() {
  auto said = co_await services_.store.history();
  if (!said || stopping_) co_return;
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    changed = !history_.empty() && history_ != *said;
    history_ = std::move(*said);
  }
  // Another server has taken over: versions may be given twice.
  if (changed) doubt_grants();
}

std::string Neighbours::history() const {
  const std::lock_guard lock(mutex_);
  return history_;
}

// -- events ---------------------------------------------------------------------------------------------------------

Task<Result<std::string>> Neighbours::hear_events() {
  ++heard_;
  services_.events.ring();
  co_return std::string();
}

// What rang because another node said so is not told again.
Task<void> Neighbours::pass_on_events() {
  auto& bell = services_.events;
  std::uint64_t rings = bell.rings();
  std::uint64_t heard = heard_;
  while (!bell.closed()) {
    co_await bell.wait(rings, kWaitMax);
    const std::uint64_t now = bell.rings();
    if (now - rings > heard_ - heard) nodes_.tell("events", {});
    rings = now;
    heard = heard_;
    co_await pause(kGather);
  }
}

Task<void> Neighbours::pause(Duration time) {
  Loop& loop = *Loop::current();
  static_cast<void>(co_await arrival<bool>([&loop, time](Resume<bool> resume) {
    loop.after(time, [resume = std::move(resume)]() mutable { resume(true); });
  }));
}

// -- grants ---------------------------------------------------------------------------------------------------------

void Neighbours::grant_changed(const std::string& user_id, std::uint64_t version, bool gone) {
  Loop* loop = loop_.load();
  if (loop == nullptr) return;
  {
    const std::lock_guard lock(mutex_);
    untold_.push_back({user_id, version, gone});
    if (std::exchange(telling_, true)) return;
  }
  loop->post([this] { tell_grants(); });
}

void Neighbours::tell_grants() {
  std::vector<Changed> all;
  {
    const std::lock_guard lock(mutex_);
    all.swap(untold_);
    telling_ = false;
  }
  for (std::size_t next = 0; next < all.size();) {
    std::string list = "[";
    for (const std::size_t end = std::min(all.size(), next + kUsersAWord); next < end; ++next) {
      const auto& change = all[next];
      if (list.size() > 1) list += ',';
      list +=
          JsonOut().text("user", change.user_id).number("version", change.version).boolean("gone", change.gone).done();
    }
    nodes_.tell("grants", JsonOut().raw("changed", list + ']').done());
  }
}

Task<Result<std::string>> Neighbours::hear_grants(std::string body) {
  const auto in = JsonIn::parse(body);
  if (!in) co_return in.error();
  const auto changed = in->items("changed", kUsersAWord);
  if (!changed) co_return changed.error();
  for (const auto text : *changed) {
    const auto item = JsonIn::parse(text);
    if (!item) continue;
    auto user = item->text("user");
    const auto version = item->optional_integer("version");
    const auto gone = item->optional_bool("gone");
    if (!user || !version || !gone) continue;
    changed_elsewhere({std::move(*user), static_cast<std::uint64_t>(std::max<std::int64_t>(version->value_or(0), 0)),
                       gone->value_or(true)});
  }
  co_return std::string();
}

void Neighbours::changed_elsewhere(const Changed& change) {
  static_cast<void>(services_.grants->changed_elsewhere(change.user_id, change.version));
  // Also where it is no news: who has read it anew since has not judged what was open before.
  if (change.gone) rejudge_everywhere(services_, change.user_id);
}

// The tabs of a user are told by the same publication, behind this.
void Neighbours::received(const broker::Publication& publication) {
  constexpr std::string_view kGrant = R"({"gatecast":{"type":"grant.)";
  if (!publication.data.starts_with(kGrant) || !publication.channel.starts_with('#')) return;
  const auto outer = JsonIn::parse(publication.data);
  const auto told = outer ? outer->optional_object("gatecast") : Result<JsonIn>(Errc::bad_json);
  if (!told) return;
  const auto version = told->optional_integer("version");
  if (!version || version->value_or(-1) < 0) return;
  changed_elsewhere({publication.channel.substr(1), static_cast<std::uint64_t>(**version),
                     told->text("type").value_or(std::string()) == "grant.removed"});
}

void Neighbours::missed(std::string_view channel) {
  if (!channel.starts_with('#')) return;
  changed_elsewhere({std::string(channel.substr(1)), 0, true});
}

void Neighbours::doubt_grants() {
  services_.grants->forget_all();
  Loop* loop = loop_.load();
  if (loop == nullptr || doubt_ != 0) return;
  doubt_ = loop->after(kJudgeAfter, [this] {
    doubt_ = 0;
    services_.grants->forget_all();
    rejudge_all(services_);
  });
}

}  // namespace gatecast::server
