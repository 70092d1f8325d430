#include "core/service_url.hpp"

namespace gatecast {

std::string ServiceUrl::shown() const {
  std::string_view url = expose();
  const bool asks = url.find('?') != std::string_view::npos;
  url = url.substr(0, url.find('?'));
  std::string out;
  if (const auto slashes = url.find("://"); slashes != std::string_view::npos) {
    const auto begin = slashes + 3;
    // An unescaped '/' or '@' in a password must not show what stands behind it: the last '@' ends it.
    if (const auto at = url.rfind('@'); at != std::string_view::npos && at >= begin) {
      const auto user = url.substr(begin, at - begin);
      const auto colon = user.find(':');
      out += url.substr(0, begin);
      out += user.substr(0, colon);
      if (colon != std::string_view::npos) out += ":***";
      url.remove_prefix(at);
    }
  }
  out += url;
  return asks ? out + "?***" : out;
}

}  // namespace gatecast
