// Where another service is: a URL that may hold a password.
//
// Formatting it gives `shown()`, in which the password is `***`; the whole text is reached only by `expose()`. Threads:
// as a string. Bounds and form are checked by who reads it.
#pragma once

#include "core/secret.hpp"

namespace gatecast {

class ServiceUrl {
 public:
  ServiceUrl() = default;
  explicit ServiceUrl(std::string text) : text_(std::move(text)) {}

  std::string_view expose() const { return text_.expose(); }
  bool empty() const { return text_.empty(); }
  /// What stands before the first colon; empty where there is none.
  std::string_view scheme() const {
    const auto colon = expose().find(':');
    return colon == std::string_view::npos ? std::string_view{} : expose().substr(0, colon);
  }
  /// Without password and query, in either of which a secret may lie.
  std::string shown() const;
  bool operator==(const ServiceUrl& other) const { return expose() == other.expose(); }

 private:
  Secret text_;
};

}  // namespace gatecast

template <>
struct fmt::formatter<gatecast::ServiceUrl> : fmt::formatter<std::string> {
  auto format(const gatecast::ServiceUrl& url, fmt::format_context& ctx) const {
    return fmt::formatter<std::string>::format(url.shown(), ctx);
  }
};
