// Experiments with the life of access tokens: a share of the users each, chosen by the user's id.
//
// A user is in the same variant in every session and on every node, as long as shares and order stay: the id's hash is
// a number from 0 to 1, and the shares are laid end to end from 0. Users beyond the last are in none (index 0).
// Place: asked when a token is minted and when a metric is counted. A value; any thread once made. Bounds: 8 variants.
// Errors: config_invalid.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace gatecast::session {

struct Variant {
  std::string name;
  double share = 0;
  std::chrono::seconds access_ttl{};
};

class Variants {
 public:
  static constexpr std::size_t kMax = 8;
  /// The largest sum of shares, with room for what is lost when tenths are added.
  static constexpr double kSharesMax = 1.000001;

  Variants() = default;
  static Result<Variants> make(std::vector<Variant> variants);

  /// 0: none; else the place in the list, from 1.
  std::size_t of(std::string_view user_id) const;
  std::chrono::seconds access_ttl(std::size_t variant, std::chrono::seconds otherwise) const;
  /// The longest life of any access token.
  std::chrono::seconds longest(std::chrono::seconds otherwise) const;
  const std::vector<Variant>& list() const { return variants_; }

 private:
  explicit Variants(std::vector<Variant> variants) : variants_(std::move(variants)) {}
  std::vector<Variant> variants_;
};

}  // namespace gatecast::session
