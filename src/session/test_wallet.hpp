// A Solana wallet for tests: signs what it is given, as raw bytes.
#pragma once

#include <string>
#include <string_view>

#include "core/text_form.hpp"
#include "crypto/ed25519.hpp"

namespace gatecast::session {

class TestWallet {
 public:
  std::string address() const { return base58_encode(key_.public_key()); }
  std::string sign(std::string_view message) const { return base64_encode(key_.sign(message)); }

 private:
  crypto::Ed25519Key key_ = crypto::Ed25519Key::generate();
};

}  // namespace gatecast::session
