// What users hold, as far as it is in memory: the newest used users', brought up to date by every change.
//
// Place: inside Grants; filled by what the store answered, moved on by the store's commits. Threads: any; a short lock.
// A change that comes while its user's grants are being read makes that reading count for nothing (`put` says so), so
// that what is found here is never older than the last change. Bounds: bytes_max and kUsersMax, the user asked for
// least recently goes first.
#pragma once

#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

#include "access/held.hpp"

namespace gatecast::access {

class HeldCache {
 public:
  static constexpr std::size_t kUsersMax = 200'000;
  explicit HeldCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// Null where nothing is known of the user.
  HeldRef find(std::string_view user_id);
  /// The store is about to be asked for that user. One reading of a user at a time.
  void reading(const std::string& user_id);
  /// What the store said; null where a change came since `reading`, which then stands again.
  HeldRef put(const std::string& user_id, store::UserGrants&& all);
  /// The reading came to nothing.
  void give_up(const std::string& user_id);
  void apply(const store::GrantChange& change);
  /// Nothing is known of the user any more.
  void forget(const std::string& user_id);
  /// The same where what is known is older than that version; whether it was.
  bool forget_before(const std::string& user_id, std::uint64_t version);
  /// Nothing is known of anybody, and what is being read counts for nothing.
  void forget_all();
  std::size_t users() const;

 private:
  struct Entry {
    std::string user_id;
    HeldRef held;
  };
  using Place = std::list<Entry>::iterator;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  void erase(Place place);
  void note_change(const std::string& user_id);

  const std::size_t bytes_max_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // the one used last first
  std::unordered_map<std::string, Place, Hash, std::equal_to<>> places_;
  std::unordered_map<std::string, bool> reading_;  // whether a change came since
  std::size_t bytes_ = 0;
};

}  // namespace gatecast::access
