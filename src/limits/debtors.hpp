// The debts of users to a Pace that is meant for all their connections, on whatever shard these are.
//
// A shard asks once for a user's word and then takes from it without a lock. Threads: any; the words are atomic, the
// directory is in stripes with a lock each. Lifetime: a word stands from `enter` to the last `leave`, and where it is
// still in debt until that is over, so that nobody gets rid of a debt by connecting anew. Bounds: users that are
// connected, and those that left in debt.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "limits/pace.hpp"

namespace gatecast::limits {

class Debtors {
 public:
  /// The user's word; each call wants a `leave`.
  SharedDebt& enter(std::string_view user);
  void leave(std::string_view user, SteadyTime now);
  /// Words that are kept.
  std::size_t size() const;

 private:
  struct Entry {
    SharedDebt debt{0};
    std::uint32_t uses = 0;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct Stripe {
    mutable std::mutex mutex;
    boost::unordered_flat_map<std::string, std::unique_ptr<Entry>, Hash, std::equal_to<>> entries;
    std::size_t left = 0;  // entries without a use
  };

  static bool over(const Entry& entry, SteadyTime now);
  static void sweep(Stripe& stripe, SteadyTime now);
  Stripe& stripe_of(std::string_view user);

  std::array<Stripe, 16> stripes_;
};

}  // namespace gatecast::limits
