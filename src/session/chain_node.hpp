// Asks a node of an Ethereum chain whether a contract takes a signature for its own (ERC-1271, by eth_call).
//
// Place: under Proofs, over outbound. Threads: the awaiting loop's. Fails closed: only a well-formed yes is a yes.
// Bounds: 3 s, a reply of 64 KB. Errors: temporarily_unavailable where the node does not answer, or not as one.
#pragma once

#include <string>

#include "core/task.hpp"
#include "outbound/outbound.hpp"

namespace gatecast::session {

struct ChainNode {
  outbound::Outbound& outbound;
  const std::string& url;
};

/// `address` in lower case, `hash` 32 bytes. False also where there is no contract at the address, or it reverts.
Task<Result<bool>> is_valid_signature(ChainNode node, std::string address, std::string hash, std::string signature);

}  // namespace gatecast::session
