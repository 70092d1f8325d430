// Key sets, and tokens as people send them to the doctor: whatever the bytes, there is an answer, and a key that was
// read is written and read again as the same.
#include <cstdlib>

#include "token/doctor.hpp"
#include "token/jwk.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatecast;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto keys = token::read_jwks(text, token::SymmetricKeys::accept, token::WeakSecrets::allow)) {
    for (const auto& foreign : *keys) {
      if (foreign.key.can_sign() != token::symmetric(foreign.key.algorithm())) std::abort();
      if (token::symmetric(foreign.key.algorithm())) continue;
      const auto again = token::read_jwk(foreign.key.public_jwk(), token::SymmetricKeys::refuse);
      if (!again || again->key.fingerprint() != foreign.key.fingerprint()) std::abort();
    }
  }
  token::DoctorInput input;
  input.issuer = "https://a.example";
  input.audience = "app";
  input.secrets = {{"secret", Secret("Kq7vN2xW9pLr4TzB8mYc3FgH6jDs5aEuXo1Q")}};
  input.now = from_unix_seconds(1'800'000'000);
  // Good or not, something is always said.
  if (token::examine(text, input).empty()) std::abort();
  return 0;
}
