// A text that stays as it is, in one allocation of its own size: eight bytes in its holder, none elsewhere while empty.
//
// For what there are tens of thousands of: names of channels, ids of users and sessions. Threads: as a string.
// Bounds: 4 GB. Allocation failure aborts.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace gatecast {

class CompactText {
 public:
  CompactText() = default;
  explicit CompactText(std::string_view text) {
    if (text.empty()) return;
    const auto size = static_cast<std::uint32_t>(text.size());
    bytes_ = std::make_unique_for_overwrite<char[]>(sizeof size + text.size());
    std::memcpy(bytes_.get(), &size, sizeof size);
    std::memcpy(bytes_.get() + sizeof size, text.data(), text.size());
  }

  bool empty() const { return bytes_ == nullptr; }
  std::string_view view() const {
    if (bytes_ == nullptr) return {};
    std::uint32_t size;
    std::memcpy(&size, bytes_.get(), sizeof size);
    return {bytes_.get() + sizeof size, size};
  }
  std::string text() const { return std::string(view()); }
  operator std::string_view() const { return view(); }

 private:
  std::unique_ptr<char[]> bytes_;  // four bytes of length, then the text
};

static_assert(sizeof(CompactText) == sizeof(void*));

inline bool operator==(const CompactText& a, std::string_view b) { return a.view() == b; }

}  // namespace gatecast
