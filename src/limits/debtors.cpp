#include "limits/debtors.hpp"

namespace gatecast::limits {
namespace {
// Those who left in debt are looked through when there are this many, and as many as stayed.
constexpr std::size_t kSweepFrom = 64;
}  // namespace

Debtors::Stripe& Debtors::stripe_of(std::string_view user) {
  // The upper bits: the table within takes the lower ones.
  return stripes_[(Hash{}(user) >> 56) % stripes_.size()];
}

SharedDebt& Debtors::enter(std::string_view user) {
  auto& stripe = stripe_of(user);
  std::lock_guard lock(stripe.mutex);
  auto found = stripe.entries.find(user);
  if (found == stripe.entries.end()) {
    found = stripe.entries.emplace(std::string(user), std::make_unique<Entry>()).first;
  } else if (found->second->uses == 0) {
    --stripe.left;
  }
  ++found->second->uses;
  return found->second->debt;
}

void Debtors::leave(std::string_view user, SteadyTime now) {
  auto& stripe = stripe_of(user);
  std::lock_guard lock(stripe.mutex);
  auto found = stripe.entries.find(user);
  if (found == stripe.entries.end() || --found->second->uses != 0) return;
  if (over(*found->second, now)) {
    stripe.entries.erase(found);
    return;
  }
  ++stripe.left;
  if (stripe.left >= kSweepFrom && stripe.left * 2 >= stripe.entries.size()) sweep(stripe, now);
}

std::size_t Debtors::size() const {
  std::size_t sum = 0;
  for (const auto& stripe : stripes_) {
    std::lock_guard lock(stripe.mutex);
    sum += stripe.entries.size();
  }
  return sum;
}

bool Debtors::over(const Entry& entry, SteadyTime now) {
  return entry.debt.load(std::memory_order_relaxed) <= now.time_since_epoch().count();
}

void Debtors::sweep(Stripe& stripe, SteadyTime now) {
  stripe.left -= boost::unordered::erase_if(
      stripe.entries, [now](const auto& entry) { return entry.second->uses == 0 && over(*entry.second, now); });
}

}  // namespace gatecast::limits
