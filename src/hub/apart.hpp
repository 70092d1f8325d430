// Those subscribers of a channel who do not get every publication as it is: by a filter, or as differences.
//
// Place: a Channel has one only while it has such subscribers, so that others pay nothing. Filtered subscribers never
// read the channel's log: they stand here in groups of equal filter and form, each filter is asked once a publication,
// and the one frame of that form goes into the outboxes of its group. Those who take differences and hold the newest
// publication share a log of their own; one who does not hold it yet gets the next publication whole, then joins them.
// Owner: the channel; threads: its shard. Bounds: as many groups as filtered subscribers.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <vector>

#include "broker/publication.hpp"
#include "hub/form.hpp"
#include "hub/subscription.hpp"

namespace gatecast::hub {

class Client;

struct Apart {
  struct Group {
    FilterRef filter;
    const Form* form = nullptr;
    boost::unordered_flat_set<Client*> clients{};  // none: the place is free
  };

  void enter(Client& client, FilterRef filter, const Form& form);
  void leave(Client& client);
  bool empty() const { return group_of.empty() && takers == 0; }

  std::vector<Group> groups;
  boost::unordered_flat_map<Client*, std::uint32_t> group_of;
  std::uint32_t takers = 0;  // of differences
  std::uint32_t fresh = 0;   // of them, who do not hold `newest`; the others have all got it
  /// The message that was handed out last: what the next may be a difference from.
  broker::PublicationRef newest{};
};

}  // namespace gatecast::hub
