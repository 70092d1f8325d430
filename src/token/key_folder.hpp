// A folder of token keys that commands rotate, so that no file need be edited: one file a key, `keys.json` their
// states.
//
// Place: `gatecast keys`, and the server's start. Threads: any one; blocking. Changes are made under the folder's lock
// and written as a whole (temporary file, sync, rename), so a reader sees the states before or after, never between.
// States: waiting (published, verifies), active (signs), leaving (verifies until `use_until`), retired (nothing).
// Bounds: 64 keys remembered; retired ones beyond go, the oldest first. Errors: not_found (no such key),
// store_conflict (a change that its state forbids, another command at work), store_failed, key_invalid.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "token/key_ring.hpp"

namespace gatecast::token {

enum class KeyState : std::uint8_t { waiting, active, leaving, retired };
std::string_view name(KeyState state);

struct ManagedKey {
  std::string kid;
  Algorithm algorithm = Algorithm::eddsa;
  KeyState state = KeyState::waiting;
  std::optional<WallTime> use_until{};
  std::string fingerprint{};
};

/// What a leaving key outlives the tokens it signed by: clocks differ, and a token may just be on its way.
inline constexpr std::chrono::minutes kKeyOverlap{5};

class KeyFolder {
 public:
  /// An absent folder is an empty one.
  static Result<KeyFolder> open(std::string path);

  const std::vector<ManagedKey>& keys() const { return keys_; }
  /// Whether one of them signs.
  bool signs() const;
  /// The keys that may be used at `now`, the active one first.
  Result<std::vector<Key>> load(WallTime now) const;

  /// Those that are not: what explains a refused token. Keys whose files are gone are left out.
  std::vector<Key> former(WallTime now) const;

  /// Makes a new waiting key.
  Result<ManagedKey> add(Algorithm algorithm);
  /// The key signs from the next start on; the one before leaves when its last token is over.
  Result<void> activate(std::string_view kid, WallTime now, std::chrono::seconds access_ttl);
  /// The key leaves as by `activate`; `at_once`: it counts for nothing from now on, whatever it signed. The active key
  /// is refused (store_conflict) unless at once.
  Result<void> retire(std::string_view kid, bool at_once, WallTime now, std::chrono::seconds access_ttl);

 private:
  explicit KeyFolder(std::string path) : path_(std::move(path)) {}
  Result<void> read();
  Result<void> write();
  ManagedKey* find(std::string_view kid);
  std::string file_of(const ManagedKey& key) const;
  Result<Key> read_material(const ManagedKey& managed) const;
  template <class Change>
  Result<void> change(Change make);

  std::string path_;
  std::vector<ManagedKey> keys_;
};

/// Of the ids and fingerprints of all keys, and which one signs: two nodes compare their rings by it.
std::string ring_fingerprint(const KeyRing& ring);

}  // namespace gatecast::token
