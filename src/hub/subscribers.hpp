// The subscribers of a channel on one shard, in one run of memory; a single one, as on every personal channel, lies in
// the list itself.
//
// Owner: a Channel; threads: its shard. T is trivially copyable. Bounds: 2^32 - 1.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <type_traits>

namespace gatecast::hub {

template <class T>
class Subscribers {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) >= 16);

 public:
  Subscribers() {}
  Subscribers(const Subscribers&) = delete;
  Subscribers& operator=(const Subscribers&) = delete;
  ~Subscribers() {
    if (!inside()) std::free(static_cast<void*>(many_.items));
  }

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  T* begin() { return inside() ? &one_ : many_.items; }
  T* end() { return begin() + size_; }
  const T* begin() const { return inside() ? &one_ : many_.items; }
  const T* end() const { return begin() + size_; }
  T& operator[](std::size_t i) { return begin()[i]; }
  const T& operator[](std::size_t i) const { return begin()[i]; }
  T& back() { return begin()[size_ - 1]; }

  void push_back(const T& item) {
    const T copy = item;
    if (size_ == 0) {
      one_ = copy;
    } else {
      if (size_ == 1) {
        const T first = one_;
        many_ = {allocate(nullptr, kFirstRoom), kFirstRoom};
        many_.items[0] = first;
      } else if (size_ == many_.room) {
        many_ = {allocate(many_.items, many_.room * 2), many_.room * 2};
      }
      many_.items[size_] = copy;
    }
    ++size_;
  }
  void pop_back() {
    if (size_ == 2) {
      const T first = many_.items[0];
      std::free(static_cast<void*>(many_.items));
      one_ = first;
    }
    --size_;
  }

 private:
  struct Many {
    T* items;
    std::uint32_t room;
  };
  static constexpr std::uint32_t kFirstRoom = 4;

  bool inside() const { return size_ <= 1; }
  static T* allocate(T* old, std::size_t room) {
    auto* items = static_cast<T*>(std::realloc(static_cast<void*>(old), room * sizeof(T)));
    if (items == nullptr) std::abort();
    return items;
  }

  union {
    T one_;
    Many many_;
  };
  std::uint32_t size_ = 0;
};

}  // namespace gatecast::hub
