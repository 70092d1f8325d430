// Signs in with new Solana wallets: a challenge, the wallet's signature, the access token. Real users, real sessions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gatecast::bench {

/// Access tokens of `count` new users, over 32 connections at once. Dies at the first refusal.
std::vector<std::string> sign_in(std::uint16_t port, std::size_t count);

}  // namespace gatecast::bench
