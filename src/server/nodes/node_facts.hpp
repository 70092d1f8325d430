// What a node says of itself in every heartbeat, so that others see what must not differ: keys, database, clock.
//
// Place: under Neighbours, which says it, and the checks `nodes.*`, which compare. Pure; any thread. Keys are known by
// their fingerprints. Members that a newer neighbour adds are passed over; what is no such object is nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/nodes.hpp"
#include "server/checks/checks.hpp"
#include "server/services.hpp"

namespace gatecast::server {

struct NodeFacts {
  std::int64_t now_ms = 0;                  // of its wall clock, as it was sent
  std::string history{};                    // of its store; empty: not known yet
  std::vector<std::string> token_keys{};    // the one that signs first
  std::vector<std::string> session_keys{};  // the one that makes first
};

std::string facts_json(const NodeFacts& facts);
std::optional<NodeFacts> read_facts(std::string_view json);
/// Of this node; `history` is what its store last said.
NodeFacts facts_of(const Services& services, std::string history);

/// Another node, as it was heard.
struct Neighbour {
  std::string name;
  std::string version;
  std::optional<NodeFacts> facts;
  std::int64_t heard_ms = 0;  // ago
};
std::vector<Neighbour> neighbours_of(const broker::Nodes& nodes);

/// `nodes.keys`, `nodes.versions`, `nodes.clock`: what of the others' words does not fit this node's.
Checks check_nodes(const NodeFacts& mine, std::string_view version, const std::vector<Neighbour>& others);

/// node.name, or the host's.
std::string node_name(const Config& config);

}  // namespace gatecast::server
