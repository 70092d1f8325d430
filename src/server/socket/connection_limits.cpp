// What bounds one connection: how fast its commands come, how many of its address have not authenticated, and how long
// it may make no progress.
#include "core/log.hpp"
#include "metrics/registry.hpp"
#include "server/socket/connection.hpp"

namespace gatecast::server {
namespace {
using Verdict = limits::Pace::Verdict;
// A user's first commands on a shard are not worth a word that all shards share: idle clients have none.
constexpr std::uint32_t kUnsharedCommands = 16;
constexpr std::uint8_t kToldRate = 1;
}  // namespace

/// Whether the next command may be taken, by the connection's rate and its user's.
Verdict Connection::pace(std::size_t bytes) {
  const auto now = worker_.shard().loop().now();
  const auto cost = cost_of(bytes);
  auto verdict = Verdict::pass;
  if (const auto& pace = worker_.connection_pace(); pace.limits()) {
    verdict = pace.take(debt_, now, cost);
    if (told_ != 0 && pace.calm(debt_, now)) told_ &= static_cast<std::uint8_t>(~kToldRate);
  }
  if (verdict == Verdict::pass && worker_.user_pace().limits() && !anonymous() && user_ != nullptr) {
    if (user_->debt == nullptr && ++user_->commands > kUnsharedCommands) {
      user_->debt = &worker_.services().debtors.enter(user_->id);
    }
    if (user_->debt != nullptr) verdict = worker_.user_pace().take(*user_->debt, now, cost);
  }
  if (verdict != Verdict::pass) tell_limit(Errc::command_rate);
  return verdict;
}

/// Answers a command that came too fast; it has no effect. Returns whether the frame's next one may be taken.
bool Connection::refuse_fast(const protocol::Command& command, Verdict verdict) {
  // Before the connect reply there is nobody to whom a pause would mean something.
  if (verdict == Verdict::flood || phase_ != Phase::connected) {
    metrics::count<"refusals_total">(Errc::command_rate);
    close(Errc::command_rate);
    return false;
  }
  if (command.id == 0) {
    metrics::count<"refusals_total">(Errc::command_rate);
  } else {
    reply_error(command.id, Errc::command_rate);
  }
  return true;
}

/// A control frame that came too fast goes without an answer (RFC 6455 §5.5.3 lets pongs be left out).
void Connection::on_fast_frame(Verdict verdict) {
  metrics::count<"refusals_total">(Errc::command_rate);
  if (verdict == Verdict::flood) close(Errc::command_rate);
}

/// Whether an HTTP peer goes on far over the rate of commands. What is only over it is answered: nobody else waits for
/// it, and routes have rates of their own. A proxy's requests are many people's.
bool Connection::too_many_requests() {
  if (port_ != Port::public_ || pace(0) != Verdict::flood) return false;
  const auto address = http::parse_address(ip_);
  return !(address && worker_.services().proxies.contains(*address));
}

/// From here on the connection counts as one of that address.
Result<void> Connection::join_crowd(const std::string& ip) {
  auto& crowd = worker_.crowd();
  leave_crowd();
  if (!crowd.limits() || port_ != Port::public_) return {};
  if (!crowd.enter(ip)) return fail(Errc::address_unauthenticated);
  in_crowd_ = true;
  return {};
}

void Connection::leave_crowd() {
  if (std::exchange(in_crowd_, false)) worker_.crowd().leave(ip_);
}

/// One line of the log, not one for each command that is refused.
void Connection::tell_limit(Errc limit) {
  const std::uint8_t bit = limit == Errc::command_rate ? kToldRate : limit == Errc::queues_full ? 2 : 4;
  if ((told_ & bit) != 0) return;
  told_ |= bit;
  log::info("limited", {{"reason", info(limit).name}, {"user", user_id()}, {"sid", sid_}, {"ip", ip_}});
}

/// Counts and logs a peer that made no progress in the time it had; it is cut.
void Connection::cut(Errc why) {
  metrics::count<"connections_cut_total">(why);
  log::debug("cut", {{"reason", info(why).name},
                     {"queued", static_cast<std::uint64_t>(queued_bytes())},
                     {"user", user_id()},
                     {"ip", ip_}});
}

}  // namespace gatecast::server
