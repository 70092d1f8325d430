// The parser of sign-in messages: what it accepts has a canonical text that it reads as the same message.
#include <cstdint>
#include <cstdlib>

#include "identity/solana_message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatecast;
  using namespace gatecast::identity;
  const std::string text(data, data + size);
  const Result<SolanaMessage> message = parse_solana_message(text);
  if (!message) return 0;
  if (message->domain != solana_message_domain(text)) std::abort();
  if (!message->statement.empty() && !is_solana_statement(message->statement)) std::abort();
  const std::string canonical = format_solana_message(*message);
  // A fraction of one digit is written with three, so a text at the bound may outgrow it.
  if (canonical.size() > kMaxMessageBytes) return 0;
  const Result<SolanaMessage> again = parse_solana_message(canonical);
  if (!again) std::abort();
  if (*again != *message) std::abort();
  return 0;
}
