// Signs in with new Solana wallets: a challenge, the wallet's signature, the access token. Real users, real sessions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gatecast::bench {

/// Sign-ins of `count` new users that only have to be sent: requests whose challenges are answered and signed.
std::vector<std::string> prepare_sign_ins(std::uint16_t port, std::size_t count);
/// A text member of a JSON object; dies where there is none.
std::string member(const std::string& json, const char* name);

/// Access tokens of `count` new users, over 32 connections at once. Dies at the first refusal.
std::vector<std::string> sign_in(std::uint16_t port, std::size_t count);

}  // namespace gatecast::bench
