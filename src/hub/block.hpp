// Immutable bytes shared by the sends of one shard: a counted block, and a slice of one.
//
// Owner: whoever holds a BlockRef; counts are plain integers, so a block never leaves its shard. Bounds: what holds
// slices (outboxes, logs) bounds the bytes. Allocation failure aborts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace gatecast::hub {

class BlockRef {
 public:
  BlockRef() = default;
  /// An empty block with room for `capacity` bytes.
  static BlockRef make(std::size_t capacity) {
    auto* memory = std::malloc(sizeof(Header) + capacity);
    if (memory == nullptr) std::abort();
    return BlockRef(new (memory) Header{1, 0, static_cast<std::uint32_t>(capacity)});
  }
  /// With room for so many bytes more.
  static BlockRef copy(std::string_view bytes, std::size_t room = 0) {
    auto block = make(bytes.size() + room);
    block.append(bytes);
    return block;
  }
  BlockRef(const BlockRef& o) : header_(o.header_) {
    if (header_ != nullptr) ++header_->refs;
  }
  BlockRef(BlockRef&& o) noexcept : header_(std::exchange(o.header_, nullptr)) {}
  BlockRef& operator=(BlockRef o) noexcept {
    std::swap(header_, o.header_);
    return *this;
  }
  ~BlockRef() {
    if (header_ != nullptr && --header_->refs == 0) std::free(header_);
  }

  explicit operator bool() const { return header_ != nullptr; }
  /// Nobody else holds it.
  bool alone() const { return header_->refs == 1; }
  char* data() const { return reinterpret_cast<char*>(header_ + 1); }
  std::uint32_t size() const { return header_->size; }
  std::uint32_t room() const { return header_->capacity - header_->size; }
  /// Adds bytes at the end; the caller has checked `room()`. Bytes already written never move or change.
  void append(std::string_view bytes) {
    std::memcpy(data() + header_->size, bytes.data(), bytes.size());
    header_->size += static_cast<std::uint32_t>(bytes.size());
  }

 private:
  struct Header {
    std::uint32_t refs;
    std::uint32_t size;
    std::uint32_t capacity;
  };
  explicit BlockRef(Header* h) : header_(h) {}
  Header* header_ = nullptr;
};

/// Bytes [begin, end) of a block, kept alive.
struct Slice {
  BlockRef block;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;

  std::size_t size() const { return end - begin; }
  std::string_view view() const { return {block.data() + begin, size()}; }
};

inline Slice whole(BlockRef block) {
  const auto size = block.size();
  return {std::move(block), 0, size};
}

}  // namespace gatecast::hub
