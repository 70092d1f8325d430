// Says everything that is wrong with a token at once, and what to do: for people whose tokens are refused.
//
// Place: behind `gatecast token doctor` and the pages; what only sessions know is appended by who knows it. Pure; any
// thread; not for the data path: a wrong HMAC signature is tried with every known mistake, some hundred of them.
// It never prints a key, and only shows of the token what anybody can decode. Bounds: 64 KB of text are looked at.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "token/key_ring.hpp"
#include "token/trusted.hpp"

namespace gatecast::token {

struct Finding {
  enum class Verdict : std::uint8_t { ok, warn, wrong };
  std::string id;  // "form_quotes", "secret_trailing_newline": stable, for tests and documentation
  Verdict verdict = Verdict::ok;
  std::string text;
  std::string cure{};  // one sentence; empty where nothing is to be done
};

/// A secret as somebody wrote it down, with which a token may have been signed.
struct SecretCandidate {
  std::string name;  // "token.key[0]", "NEXTAUTH_SECRET": how it is called in the findings
  Secret text;
  SecretEncoding encoding = SecretEncoding::text;
};

struct DoctorInput {
  const KeyRing* ring = nullptr;  // null: nothing is known of our keys
  std::string issuer{}, audience{};
  std::vector<TrustedIssuer> trusted{};
  std::vector<Key> retired{};  // our former keys
  std::vector<SecretCandidate> secrets{};
  WallTime now{};
};

std::vector<Finding> examine(std::string_view token, const DoctorInput& input);

/// What was done to a secret, where the signature shows it: the finding names the mistake and the candidate. Of
/// doctor_secrets.cpp; empty where none fits.
std::vector<Finding> find_secret_mistake(std::string_view signing_input, std::string_view signature,
                                         Algorithm algorithm, const std::vector<SecretCandidate>& secrets);

}  // namespace gatecast::token
