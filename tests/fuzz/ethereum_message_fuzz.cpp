// The parser of Ethereum's sign-in messages: what it accepts has a canonical text that it reads as the same message.
#include <cstdint>
#include <cstdlib>

#include "identity/ethereum_address.hpp"
#include "identity/ethereum_message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatecast;
  using namespace gatecast::identity;
  const std::string text(data, data + size);
  // The same bytes as a signature and as an address: whatever is accepted has one size.
  if (const Result<std::string> signature = ethereum_signature(text); signature && signature->size() != 65)
    std::abort();
  if (const Result<std::string> address = ethereum_address(text); address && address->size() != 42) std::abort();
  const Result<EthereumMessage> message = parse_ethereum_message(text);
  if (!message) return 0;
  if (!ethereum_address(message->address)) std::abort();
  if (!message->statement.empty() && !is_ethereum_statement(message->statement)) std::abort();
  const std::string canonical = format_ethereum_message(*message);
  // A fraction of one digit is written with three, so a text at the bound may outgrow it.
  if (canonical.size() > kMaxMessageBytes) return 0;
  const Result<EthereumMessage> again = parse_ethereum_message(canonical);
  if (!again) std::abort();
  if (*again != *message) std::abort();
  return 0;
}
