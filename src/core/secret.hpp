// A byte string that must not be printed: keys, tokens at rest, secrets of the configuration.
//
// Formatting it gives `***`; the bytes are reached only by `expose()`, which review looks for; they are wiped on
// destruction. Comparison is in crypto (constant time), not here.
#pragma once

#include <fmt/format.h>

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace gatecast {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string bytes) : bytes_(std::move(bytes)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& o) noexcept : bytes_(o.bytes_) { o.wipe(); }
  Secret& operator=(const Secret& o) {
    if (this != &o) {
      wipe();
      bytes_ = o.bytes_;
    }
    return *this;
  }
  Secret& operator=(Secret&& o) noexcept {
    if (this != &o) {
      wipe();
      bytes_ = o.bytes_;
      o.wipe();
    }
    return *this;
  }
  ~Secret() { wipe(); }

  std::string_view expose() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }
  std::size_t size() const { return bytes_.size(); }

 private:
  void wipe() {
    // A volatile pointer: the store must not be optimised away.
    volatile char* p = bytes_.data();
    for (std::size_t i = 0; i < bytes_.size(); ++i) p[i] = 0;
    bytes_.clear();
  }
  std::string bytes_;
};

}  // namespace gatecast

template <>
struct fmt::formatter<gatecast::Secret> : fmt::formatter<std::string_view> {
  auto format(const gatecast::Secret&, fmt::format_context& ctx) const {
    return fmt::formatter<std::string_view>::format("***", ctx);
  }
};
