// A list that is empty nearly always: eight bytes then, and nothing kept of what it once held.
#pragma once

#include <memory>
#include <vector>

namespace gatecast::hub {

template <class T>
class Few {
 public:
  bool empty() const { return all_ == nullptr; }
  T* begin() const { return all_ == nullptr ? nullptr : all_->data(); }
  T* end() const { return all_ == nullptr ? nullptr : all_->data() + all_->size(); }
  T& back() { return all_->back(); }

  void push_back(T item) {
    if (all_ == nullptr) all_ = std::make_unique<std::vector<T>>();
    all_->push_back(std::move(item));
  }
  void erase(const T* at) {
    all_->erase(all_->begin() + (at - all_->data()));
    if (all_->empty()) all_.reset();
  }
  /// Says whether any was.
  template <class F>
  bool erase_if(F fits) {
    if (all_ == nullptr) return false;
    const bool any = std::erase_if(*all_, fits) != 0;
    if (all_->empty()) all_.reset();
    return any;
  }

 private:
  std::unique_ptr<std::vector<T>> all_;
};

}  // namespace gatecast::hub
