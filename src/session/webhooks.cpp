#include "session/webhooks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/log.hpp"
#include "crypto/random.hpp"
#include "metrics/registry.hpp"
#include "session/audit_events.hpp"
#include "session/hook_signature.hpp"
#include "session/lease.hpp"
#include "token/json_object.hpp"

namespace gatecast::session {
namespace {

constexpr std::chrono::seconds kFirstBackoff{1};
constexpr std::chrono::seconds kLongestBackoff{300};
// Without a ring the log is looked at this often: endings that another process made ring no bell here.
constexpr std::chrono::seconds kLook{1};
// Rings come in bursts; between two looks lies this much, so that a burst is one batch.
constexpr std::chrono::milliseconds kGather{20};
constexpr std::size_t kReplyBytes = std::size_t{64} * 1024;
// A webhook whose events are rare notes its place in the log this often, so that a start does not read it all.
constexpr std::uint64_t kNotedEvery = 10'000;

}  // namespace

Duration webhook_backoff(std::uint32_t failures, double chance) {
  Duration whole = kFirstBackoff;
  for (std::uint32_t i = 1; i < failures && whole < kLongestBackoff; ++i) whole *= 2;
  whole = std::min<Duration>(whole, kLongestBackoff);
  return whole - Duration{static_cast<std::int64_t>(static_cast<double>(whole.count()) * 0.5 * chance)};
}

/// One webhook: its place in the log, and the request on its way.
class Webhooks::Sender {
 public:
  Sender(Webhook hook, std::vector<std::string> kinds, Webhooks& all)
      : hook_(std::move(hook)),
        kinds_(std::move(kinds)),
        place_(fmt::format("webhook:{}", hook_.name)),
        all_(all),
        lease_(all.parts_.store, all.parts_.clock, place_, all.parts_.node) {}

  /// The durable place is the seq to be read next, so that 0 is one that was never noted.
  Task<Result<void>> find_place() {
    Result<std::uint64_t> noted = co_await store().position(place_);
    if (!noted.has_value()) co_return noted.error();
    if (*noted != 0) {
      after_ = noted_ = *noted - 1;
      co_return Result<void>{};
    }
    Result<std::uint64_t> newest = co_await newest_seq();
    if (!newest.has_value()) co_return newest.error();
    after_ = *newest;
    co_return co_await note(after_);
  }

  Task<void> run() {
    while (!stopping()) {
      const bool mine = co_await take_turn();
      if (!mine) {
        co_await all_.stopped_.wait(0, Lease::kRenewEvery);
        continue;
      }
      const std::uint64_t heard = all_.parts_.events.rings();
      if (!pending_.body.empty()) {
        co_await attempt();
        continue;
      }
      Result<void> looked = co_await look();
      if (!looked.has_value() && !store_failing_) {
        log::warn("webhook", {{"name", hook_.name}, {"reason", info(looked.error().code).name}});
      }
      store_failing_ = !looked.has_value();
      if (!pending_.body.empty()) continue;
      caught_up_ = true;
      all_.note_lag();
      co_await all_.stopped_.wait(0, kGather);
      if (!stopping()) co_await all_.parts_.events.wait(heard, kLook);
    }
    co_await lease_.give_back();
    ended_ = true;
    if (ending_.has_value()) (*std::exchange(ending_, std::nullopt))(true);
  }

  Task<void> ended() {
    if (ended_ || !started_) co_return;
    co_await arrival<bool>([this](Resume<bool> resume) { ending_.emplace(std::move(resume)); });
  }
  void begin() {
    started_ = true;
    spawn(run());
  }
  /// How long the oldest event that was not taken has waited.
  Duration lag(WallTime now) const { return caught_up_ ? Duration{} : std::max<Duration>(now - pending_.oldest, {}); }

 private:
  struct Batch {
    std::string body{};
    std::uint64_t last = 0;
    std::size_t events = 0;
    WallTime oldest{};
  };

  store::Store& store() { return all_.parts_.store; }
  bool stopping() const { return all_.stopped_.closed(); }

  /// Whether it is this node that sends. Who begins anew goes on where the last one noted that it was.
  Task<bool> take_turn() {
    const bool had = had_;
    had_ = co_await lease_.keep();
    if (had_ == had && lease_.term() == term_) co_return had_;
    term_ = lease_.term();
    pending_ = {};
    caught_up_ = true;
    if (!had_) co_return false;
    Result<void> placed = co_await find_place();
    had_ = placed.has_value();
    co_return had_;
  }

  Task<Result<std::uint64_t>> newest_seq() {
    auto rows = co_await store().audit_log({.before = std::numeric_limits<std::int64_t>::max(), .limit = 1});
    if (!rows.has_value()) co_return rows.error();
    co_return rows->empty() ? 0 : rows->front().seq;
  }

  Task<Result<void>> note(std::uint64_t seq) {
    Result<void> written = co_await store().set_position(place_, seq + 1);
    if (written.has_value()) noted_ = seq;
    co_return written;
  }

  /// Reads the next batch, if there is any.
  Task<Result<void>> look() {
    // Read first: what is committed until then and is of our kinds is among the rows.
    Result<std::uint64_t> newest = co_await newest_seq();
    if (!newest.has_value()) co_return newest.error();
    if (*newest <= after_) co_return Result<void>{};
    auto rows = co_await store().audit_log({.kinds = kinds_, .after = after_, .limit = kBatchEvents});
    if (!rows.has_value()) co_return rows.error();
    if (!rows->empty()) {
      gather(*rows);
      co_return Result<void>{};
    }
    after_ = *newest;
    if (after_ >= noted_ + kNotedEvery) co_return co_await note(after_);
    co_return Result<void>{};
  }

  void gather(const std::vector<store::AuditRow>& rows) {
    std::string body = R"({"webhook":)";
    token::append_json_string(body, hook_.name);
    body += R"(,"events":[)";
    pending_ = {.oldest = rows.front().at};
    for (const store::AuditRow& row : rows) {
      const std::string event = event_json(row);
      if (pending_.events > 0 && body.size() + event.size() + 3 > kBatchBytes) break;
      if (pending_.events++ > 0) body += ',';
      body += event;
      pending_.last = row.seq;
    }
    pending_.body = body + "]}";
    caught_up_ = false;
  }

  Task<void> attempt() {
    all_.note_lag();
    outbound::Request request{.method = "POST",
                              .url = hook_.url,
                              .headers = {{"Content-Type", "application/json"}},
                              .body = pending_.body,
                              .time = kRequestTime,
                              .reply_bytes = kReplyBytes};
    request.headers.emplace_back(kHookSignatureHeader,
                                 hook_signature(hook_.secret, all_.parts_.clock.wall(), pending_.body));
    Result<outbound::Reply> reply = co_await all_.parts_.outbound.send(std::move(request));
    const bool taken = reply.has_value() && reply->status >= 200 && reply->status < 300;
    metrics::count<"webhook_deliveries_total">(taken ? metrics::Outcome::ok : metrics::Outcome::refused);
    if (!taken)
      co_return co_await failed(reply.has_value() ? fmt::format("status {}", reply->status)
                                                  : fmt::format("{}", info(reply.error().code).name));
    if (std::exchange(failures_, 0) > 0) log::info("webhook", {{"name", hook_.name}, {"reason", "recovered"}});
    // Where this cannot be noted, the batch is sent again after a start: at least once. Who has lost the lease notes
    // nothing: the position is another node's now.
    if (!lease_.held()) co_return;
    Result<void> written = co_await note(pending_.last);
    if (!written.has_value() && !store_failing_) {
      log::warn("webhook", {{"name", hook_.name}, {"reason", info(written.error().code).name}});
    }
    after_ = pending_.last;
    pending_ = {};
  }

  Task<void> failed(std::string why) {
    if (failures_++ == 0) log::warn("webhook", {{"name", hook_.name}, {"reason", why}, {"events", pending_.events}});
    Duration left = webhook_backoff(failures_, crypto::random_share());
    while (left > Duration{} && !stopping()) {
      const Duration part = std::min<Duration>(left, Lease::kRenewEvery);
      co_await all_.stopped_.wait(0, part);
      left -= part;
      static_cast<void>(co_await lease_.keep());
    }
  }

  const Webhook hook_;
  const std::vector<std::string> kinds_;  // of the audit log
  const std::string place_;
  Webhooks& all_;
  Lease lease_;
  bool had_ = false;         // the lease, when it was looked at last
  std::uint64_t term_ = 0;   // and which of its terms
  std::uint64_t after_ = 0;  // read up to here
  std::uint64_t noted_ = 0;  // the same, durable
  Batch pending_;
  std::uint32_t failures_ = 0;
  bool store_failing_ = false;
  bool caught_up_ = true;
  bool started_ = false;
  bool ended_ = false;
  std::optional<Resume<bool>> ending_;
};

Webhooks::Webhooks(std::vector<Webhook> hooks, Parts parts) : parts_(std::move(parts)) {
  for (Webhook& hook : hooks) {
    // The configuration's check has refused names of no event.
    auto kinds = audit_kinds(hook.kinds).value_or(std::vector<std::string>{});
    senders_.push_back(std::make_unique<Sender>(std::move(hook), std::move(kinds), *this));
  }
}

Webhooks::~Webhooks() = default;

Task<Result<void>> Webhooks::start() {
  for (const auto& sender : senders_) {
    Result<void> placed = co_await sender->find_place();
    if (!placed.has_value()) co_return placed;
  }
  for (const auto& sender : senders_) sender->begin();
  co_return Result<void>{};
}

Task<void> Webhooks::stop() {
  stopped_.close();
  parts_.events.close();
  for (const auto& sender : senders_) co_await sender->ended();
}

void Webhooks::note_lag() {
  const WallTime now = parts_.clock.wall();
  Duration longest{};
  for (const auto& sender : senders_) longest = std::max(longest, sender->lag(now));
  metrics::gauge_set<"webhook_lag_seconds">(std::chrono::floor<std::chrono::seconds>(longest).count());
}

}  // namespace gatecast::session
