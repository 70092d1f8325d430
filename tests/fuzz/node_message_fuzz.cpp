// What nodes say to each other: bytes make a message or nothing; what was read and is written again is read alike.
#include <cstdlib>

#include "broker/node_message.hpp"

using namespace gatecast;

namespace {

void require(bool invariant) {
  if (!invariant) std::abort();
}

bool same(const broker::NodeMessage& a, const broker::NodeMessage& b) {
  return a.type == b.type && a.from == b.from && a.sequence == b.sequence && a.to_all == b.to_all &&
         a.asks_back == b.asks_back && a.question == b.question && a.part == b.part && a.parts == b.parts &&
         a.kind == b.kind && a.error == b.error && a.body == b.body;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto message = broker::parse_node_message(bytes);
  if (!message) {
    require(message.error().code == Errc::bad_request);
    return 0;
  }
  require(broker::is_node_id(message->from) && message->body.size() < size);
  if (message->parts == 1 && message->type != broker::NodeMessage::Type::unknown) {
    const std::string written = broker::node_message(*message);
    const auto again = broker::parse_node_message(written);
    require(again && same(*message, *again));
  }
  if (message->type == broker::NodeMessage::Type::hello) {
    const auto said = broker::parse_hello_body(message->body);
    if (!said) return 0;
    const std::string written = broker::hello_body(*said);
    const auto again = broker::parse_hello_body(written);
    require(again && again->name == said->name && again->version == said->version && again->facts == said->facts);
  }
  return 0;
}
