#include "net/timer_wheel.hpp"

namespace gatecast::net {

void Timed::forget() {
  if (next_ == nullptr || at_ == nullptr) return;
  *at_ = next_;
  next_->at_ = at_;
  next_ = nullptr;
  at_ = nullptr;
}

TimerWheel::TimerWheel(SteadyTime start) : start_(start) { slots_.fill(&end_); }

std::uint32_t TimerWheel::tick_of(SteadyTime t) const {
  // Rounded up: never early.
  auto ticks = (t - start_ + kTick - Duration{1}) / kTick;
  return static_cast<std::uint32_t>(ticks < 0 ? 0 : ticks);
}

void TimerWheel::link(Timed& who, std::uint32_t slot) {
  Timed*& head = slots_[slot];
  who.next_ = head;
  // The shared end mark keeps no back pointer: a list's last node never asks it.
  if (head != &end_) head->at_ = &who.next_;
  who.at_ = &head;
  head = &who;
}

void TimerWheel::set(Timed& who, SteadyTime due) {
  who.forget();
  who.due_ = std::max(tick_of(due), tick_ + 1);
  link(who, who.due_ % kSlots);
}

void TimerWheel::advance(SteadyTime now) {
  const auto until = static_cast<std::uint32_t>((now - start_) / kTick);
  while (tick_ < until) {
    ++tick_;
    // Taken out first: a callback may set deadlines in this very slot.
    Timed* due = &end_;
    Timed** tail = &due;
    Timed* rest = slots_[tick_ % kSlots];
    slots_[tick_ % kSlots] = &end_;
    while (rest != &end_) {
      Timed* who = rest;
      rest = who->next_;
      if (who->due_ > tick_) {
        link(*who, who->due_ % kSlots);
        continue;
      }
      who->at_ = tail;
      *tail = who;
      tail = &who->next_;
      who->next_ = &end_;
    }
    while (due != &end_) {
      Timed* who = due;
      who->forget();
      who->on_time();
    }
  }
}

}  // namespace gatecast::net
