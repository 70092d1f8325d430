#include "session/variants.hpp"

#include <algorithm>

#include "crypto/hash.hpp"

namespace gatecast::session {
namespace {

/// Where the user lies between 0 and 1. The prefix keeps the place apart from other uses of an id's hash.
double place_of(std::string_view user_id) {
  const std::string digest = crypto::sha256(std::string("variant\n").append(user_id));
  std::uint64_t top = 0;
  for (std::size_t i = 0; i < 6; ++i) top = top << 8 | static_cast<unsigned char>(digest[i]);
  return static_cast<double>(top) / static_cast<double>(std::uint64_t{1} << 48);
}

}  // namespace

Result<Variants> Variants::make(std::vector<Variant> variants) {
  if (variants.size() > kMax) return fail(Errc::config_invalid, "more than 8 variants");
  double sum = 0;
  for (const Variant& v : variants) {
    if (v.name.empty() || !(v.share >= 0) || v.access_ttl.count() <= 0) {
      return fail(Errc::config_invalid, "session.variant: name, share and access_ttl");
    }
    sum += v.share;
  }
  if (sum > kSharesMax) return fail(Errc::config_invalid, "shares of the variants are more than 1");
  return Variants(std::move(variants));
}

std::size_t Variants::of(std::string_view user_id) const {
  if (variants_.empty() || user_id.empty()) return 0;
  const double place = place_of(user_id);
  double end = 0;
  for (std::size_t i = 0; i < variants_.size(); ++i) {
    end += variants_[i].share;
    if (place < end) return i + 1;
  }
  return 0;
}

std::chrono::seconds Variants::access_ttl(std::size_t variant, std::chrono::seconds otherwise) const {
  return variant == 0 ? otherwise : variants_[variant - 1].access_ttl;
}

std::chrono::seconds Variants::longest(std::chrono::seconds otherwise) const {
  for (const Variant& v : variants_) otherwise = std::max(otherwise, v.access_ttl);
  return otherwise;
}

}  // namespace gatecast::session
