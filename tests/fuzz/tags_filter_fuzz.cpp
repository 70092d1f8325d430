// Tags filters: whatever the text, reading it ends within its bounds; one that was read answers, and equals itself read
// again.
#include <cstdlib>

#include "protocol/json_check.hpp"
#include "protocol/tags_filter.hpp"

using namespace gatecast;
using protocol::TagsFilter;

namespace {

void require(bool invariant) {
  if (!invariant) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  // The command decoder has checked what it hands on.
  if (!protocol::valid_json(json)) return 0;
  const auto filter = TagsFilter::parse(json);
  if (!filter) {
    require(filter.error().code == Errc::bad_request);
    return 0;
  }
  require(json.size() <= TagsFilter::kBytesMax);
  const auto again = TagsFilter::parse(json);
  require(again && *again == *filter && again->hash() == filter->hash());
  const protocol::TagList none, some = {{"a", "1"}, {"b", ""}, {"", "x"}, {"key", std::string(json.substr(0, 64))}};
  // Its negation answers the opposite, where there is room for one.
  const auto negated = TagsFilter::parse("{\"op\":\"not\",\"nodes\":[" + std::string(json) + "]}");
  for (const auto* tags : {&none, &some}) {
    const bool fits = filter->matches(*tags);
    require(!negated || negated->matches(*tags) == !fits);
  }
  return 0;
}
