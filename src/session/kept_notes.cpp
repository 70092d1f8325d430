#include "session/kept_notes.hpp"

namespace gatecast::session {

bool KeptNotes::note(std::string_view sid, std::uint64_t gen) {
  Stripe& stripe = stripes_[place(sid)];
  std::lock_guard lock(stripe.mutex);
  if (auto found = stripe.kept.find(sid); found != stripe.kept.end()) {
    found->second = std::max(found->second, gen);
    return true;
  }
  if (stripe.kept.size() >= stripe_max_) return false;
  stripe.kept.emplace(sid, gen);
  return true;
}

std::uint64_t KeptNotes::known(std::string_view sid) const {
  const Stripe& stripe = stripes_[place(sid)];
  std::lock_guard lock(stripe.mutex);
  const auto found = stripe.kept.find(sid);
  return found == stripe.kept.end() ? 0 : found->second;
}

KeptNotes::Kept KeptNotes::pending() const {
  Kept out;
  for (const Stripe& stripe : stripes_) {
    std::lock_guard lock(stripe.mutex);
    out.insert(out.end(), stripe.kept.begin(), stripe.kept.end());
  }
  return out;
}

void KeptNotes::forget(const Kept& written) {
  for (const auto& [sid, gen] : written) {
    Stripe& stripe = stripes_[place(sid)];
    std::lock_guard lock(stripe.mutex);
    if (auto found = stripe.kept.find(sid); found != stripe.kept.end() && found->second == gen) {
      stripe.kept.erase(found);
    }
  }
}

}  // namespace gatecast::session
