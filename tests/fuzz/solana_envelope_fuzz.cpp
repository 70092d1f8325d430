// The envelopes of signed bytes: what opens is sealed to the very same bytes, so no byte is ignored.
#include <cstdint>
#include <cstdlib>

#include "identity/solana_envelope.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatecast;
  using namespace gatecast::identity;
  const std::string bytes(data, data + size);
  const Result<SolanaEnvelope> envelope = open_envelope(bytes);
  if (!envelope) return 0;
  if (seal_envelope(*envelope) != bytes) std::abort();
  return 0;
}
