// The keys of one issuer: the first signs, all verify, each until its own end.
//
// Place: over Key, under Issuer and Verifier. Immutable after `make`; any thread. Rotation makes another ring.
// Bounds: 16 keys, because a token without `kid` is tried with each of its algorithm. Errors: `config_invalid` for an
// empty ring, too many keys or two of one kid.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "token/key.hpp"

namespace gatecast::token {

inline constexpr std::size_t kMaxRingKeys = 16;

class KeyRing {
 public:
  /// The first key is the active one.
  static Result<KeyRing> make(std::vector<Key> keys);

  const Key& active() const { return keys_.front(); }
  std::span<const Key> keys() const { return keys_; }
  /// Null where no key has this id; whether it may still be used is the caller's question.
  const Key* find(std::string_view kid) const;
  /// The key whose own access header this encoded header is, or null.
  const Key* find_by_header(std::string_view encoded_header) const;
  /// {"keys":[…]} with the public halves of asymmetric keys that are usable at `now`; never a symmetric key.
  std::string jwks_json(WallTime now = WallTime::min()) const;

 private:
  explicit KeyRing(std::vector<Key> keys) : keys_(std::move(keys)) {}
  std::vector<Key> keys_;
};

}  // namespace gatecast::token
