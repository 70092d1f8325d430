// What comes from Redis: publications, messages of topics, places, entries of presence. What is read from them, written
// and read again is the same; nothing reads past its end.
#include <cstdlib>

#include "adapters/redis/names.hpp"
#include "adapters/redis/presence_text.hpp"
#include "adapters/redis/publication_text.hpp"

using namespace gatecast;
using namespace gatecast::redis;

namespace {

void require(bool invariant) {
  if (!invariant) std::abort();
}

void same_again(const broker::Publication& p) {
  const auto again = parse_publication_text(publication_text(p));
  require(again != nullptr && again->data == p.data && again->tags == p.tags && again->user == p.user);
  require(again->client == p.client && again->conn_info == p.conn_info && again->chan_info == p.chan_info);
  require(again->kind == p.kind && again->delta == p.delta);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto p = parse_publication_text(text)) same_again(*p);
  for (const bool shared : {false, true}) {
    const auto message = parse_topic_message(text, shared);
    if (!message) continue;
    require(message->place.epoch < broker::kEpochs && message->channel.size() + message->text.size() <= size);
    require(message->channel.empty() != shared);
    if (const auto p = parse_publication_text(message->text)) same_again(*p);
  }
  if (const auto place = parse_place(text)) require(place->epoch < broker::kEpochs);
  if (const auto entry = parse_presence_entry(text); entry.who != nullptr) {
    const auto made = presence_entry(entry.incarnation, true, *entry.who);
    const auto again = parse_presence_entry(made);
    require(again.who != nullptr && again.who->user == entry.who->user && again.who->client == entry.who->client);
  }
  static const Names names("p:");
  if (const auto topic = names.parse_topic(text)) require(topic->partition < kPartitions);
  return 0;
}
