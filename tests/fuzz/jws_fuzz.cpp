// Access tokens: whatever the bytes, the verifier answers; what it accepts, inspection shows and the issuer can mint.
#include <cstdlib>

#include "token/inspect.hpp"
#include "token/issuer.hpp"
#include "token/json_object.hpp"
#include "token/jws.hpp"
#include "token/verifier.hpp"

namespace {

using namespace gatecast;

/// The seeds of the corpus are signed with this key. The symmetric key stands twice, under another id as well, so that
/// tokens with and without kid reach every branch.
const token::KeyRing& ring() {
  static const token::KeyRing keys = [] {
    const Secret secret("Kq7vN2xW9pLr4TzB8mYc3FgH6jDs5aEuXo1Q");
    const Secret seed(std::string(32, 's'));
    const Secret scalar(std::string(32, 'd'));
    const auto hmac = [&](std::string kid) {
      return *token::Key::from_secret(token::Algorithm::hs256, secret, token::SecretEncoding::text, std::move(kid));
    };
    return *token::KeyRing::make({hmac("h"), *token::Key::from_private(*crypto::Ed25519Key::from_seed(seed), "o"),
                                  *token::Key::from_private(*crypto::P256Key::from_jwk_d(scalar), "e"), hmac("h2")});
  }();
  return keys;
}

void must(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const WallTime now = from_unix_seconds(1'800'000'000);
  static const token::Verifier verifier(ring(), {"https://a.example", "app"});
  static const token::Issuer issuer(ring());

  const auto claims = verifier.verify(text, now);
  const auto shown = token::inspect(text);
  if (claims) {
    must(shown.has_value());
    // The same claims may need a few bytes more under another header, so only a short token must come back.
    const auto again = issuer.mint(*claims);
    must(again || text.size() > token::kMaxTokenBytes / 2);
    if (again) must(verifier.verify(*again, now).value() == *claims);
  }

  // Hardly any mutation keeps a signature good: what lies behind it is reached by taking the input for a payload.
  if (const auto object = token::JsonObject::parse(text)) {
    if (const auto read = token::read_claims(*object)) {
      const auto written = token::write_claims(*read);
      must(written.has_value());
      const auto second = token::JsonObject::parse(*written);
      must(second && token::read_claims(*second).value() == *read);
    }
  }
  return 0;
}
