#include "store/notification_id.hpp"

#include <charconv>

namespace gatecast::store {

std::int64_t place_in(std::string_view id) {
  std::int64_t seq = 0;
  const auto [at, ec] = std::from_chars(id.data(), id.data() + id.size(), seq);
  return ec == std::errc{} && at != id.data() + id.size() && *at == '-' && seq > 0 ? seq : 0;
}

}  // namespace gatecast::store
