// What a shared home has while it asks, waits, or is asked; an idle one has none of it.
//
// Place: inside SharedHomes. Threads: its shard.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "hub/hub.hpp"
#include "hub/shared_homes.hpp"

namespace gatecast::hub {

/// What the broker is asked for subscribers that were at one position.
struct SharedHomes::Ask {
  std::uint32_t id;
  std::vector<Asker> askers;  // alike in what the broker is asked for
};

struct SharedHomes::Busy {
  struct Registration {
    unsigned from;
    std::uint32_t number;
    bool operator==(const Registration&) const = default;
  };
  std::vector<Registration> registrations{};     // they wait for the broker to say where the channel stands
  std::deque<broker::PublicationRef> pending{};  // came while they could not be handed out
  std::size_t pending_bytes = 0;
  std::size_t pending_when_asked = 0;
  bool overflow = false;  // some more came
  std::vector<Ask> asks{};
  std::vector<broker::PublicationRef> noted{};  // handed out since the oldest of the asks began, without a hole
  std::size_t noted_bytes = 0;
  std::vector<Asker> deferred{};                   // recoveries that begin once the home stands, or has caught up
  std::optional<broker::StreamPosition> target{};  // where it goes on once subscribers are told
  SteadyTime tell_at{};

  bool over() const {
    return registrations.empty() && pending.empty() && !overflow && asks.empty() && deferred.empty() && !target;
  }
};

}  // namespace gatecast::hub
