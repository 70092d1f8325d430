#include "session/settling.hpp"

#include <algorithm>
#include <cstdlib>

#include "metrics/registry.hpp"

namespace gatecast::session {

Settling::~Settling() {
  if (open_ != 0) std::abort();
}

Task<void> Settling::settled(SteadyTime committed) {
  Loop* const loop = loop_.load(std::memory_order_acquire);
  if (parts_.nodes == nullptr || loop == nullptr) co_return;
  const auto wait = [this, loop, committed](Resume<bool> resume) {
    if (loop == Loop::current()) return join(std::move(resume), committed);
    loop->post([this, committed, resume = std::move(resume)]() mutable { join(std::move(resume), committed); });
  };
  static_cast<void>(co_await arrival<bool>(wait));
}

void Settling::join(Resume<bool> resume, SteadyTime committed) {
  ++open_;
  auto waiter = std::make_shared<Waiter>(Waiter{.resume = std::move(resume), .committed = committed});
  arm(waiter);
  pending_.push_back(std::move(waiter));
  if (gathering_) return;
  const Duration since = parts_.clock.steady() - sent_;
  if (since >= kGather) return send();
  gathering_ = true;
  ++open_;
  loop_.load()->after(kGather - since, [this] {
    gathering_ = false;
    send();
    left();
  });
}

// A timer may come a little early: what counts is the clock.
void Settling::arm(const std::shared_ptr<Waiter>& waiter) {
  const Duration left = waiter->committed + parts_.leave_over - parts_.clock.steady();
  waiter->timer = loop_.load()->after(std::max(left, Duration{}), [this, waiter] {
    waiter->timer = 0;
    if (parts_.clock.steady() < waiter->committed + parts_.leave_over) return arm(waiter);
    finish(*waiter);
  });
}

void Settling::send() {
  std::erase_if(pending_, [](const auto& waiter) { return waiter->done; });
  if (pending_.empty()) return;
  sent_ = parts_.clock.steady();
  ++open_;
  spawn(ask(std::exchange(pending_, {})), [this] { left(); });
}

Task<void> Settling::ask(Waiters served) {
  // Judged before the question: who comes into the list later began without leave to decide.
  const bool all_known = parts_.touch.held(parts_.clock.steady());
  const std::vector<broker::NodeAnswer> answers =
      co_await parts_.nodes->ask(std::string(kControlQuestion), {}, parts_.leave_over);
  bool all = all_known;
  for (const broker::NodeAnswer& answer : answers) {
    all = all && answer.body.has_value();
    metrics::count<"control_hints_total">(answer.body.has_value() ? metrics::Outcome::ok : metrics::Outcome::refused);
    Stats::add(answer.body.has_value() ? parts_.stats.hints_answered : parts_.stats.hints_unanswered);
  }
  if (!all) co_return;
  for (const auto& waiter : served) finish(*waiter);
}

void Settling::finish(Waiter& waiter) {
  if (std::exchange(waiter.done, true)) return;
  if (waiter.timer != 0) loop_.load()->cancel(std::exchange(waiter.timer, 0));
  const Duration took = parts_.clock.steady() - waiter.committed;
  metrics::observe<"ending_settled_seconds">(std::chrono::duration<double>(took).count());
  Stats::add(took >= parts_.leave_over ? parts_.stats.settled_late : parts_.stats.settled);
  waiter.resume(true);
  left();
}

void Settling::left() {
  if (--open_ == 0 && stopping_.has_value()) (*std::exchange(stopping_, std::nullopt))(true);
}

Task<void> Settling::stop() {
  if (open_ == 0) co_return;
  co_await arrival<bool>([this](Resume<bool> resume) { stopping_.emplace(std::move(resume)); });
}

}  // namespace gatecast::session
