// The outcome of an operation that can fail for a reason outside our own logic.
//
// Peers, databases, networks and users fail as values; a broken invariant of ours aborts. No exception crosses a
// function of ours after start-up. `Error::detail` is for the log and may name addresses and paths, never a secret;
// what a client sees is the code and its fixed text from the registry (schema/codes.toml).
#pragma once

#include <expected>
#include <string>
#include <type_traits>
#include <utility>

#include "schema/codes.hpp"

namespace gatecast {

struct Error {
  Errc code;
  std::string detail{};
};

/// `std::expected` with `and_then` and `map`, which libstdc++ 12 lacks, and which may not be ignored.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using Base = std::expected<T, Error>;
  using Base::Base;
  Result(Error error) : Base(std::unexpected(std::move(error))) {}
  Result(Errc code) : Base(std::unexpected(Error{code})) {}

  /// Calls `next` with the value; passes an error on.
  template <class F>
  auto and_then(F&& next) && -> std::remove_cvref_t<decltype(next(std::declval<T>()))> {
    if (!this->has_value()) return std::move(this->error());
    return std::forward<F>(next)(std::move(**this));
  }

  /// Replaces the value by `next(value)`; passes an error on.
  template <class F>
  auto map(F&& next) && -> Result<std::remove_cvref_t<decltype(next(std::declval<T>()))>> {
    if (!this->has_value()) return std::move(this->error());
    return std::forward<F>(next)(std::move(**this));
  }
};

template <>
class [[nodiscard]] Result<void> : public std::expected<void, Error> {
 public:
  using Base = std::expected<void, Error>;
  using Base::Base;
  Result() = default;
  Result(Error error) : Base(std::unexpected(std::move(error))) {}
  Result(Errc code) : Base(std::unexpected(Error{code})) {}
};

/// Makes an error with a detail for the log.
inline Error fail(Errc code, std::string detail = {}) { return Error{code, std::move(detail)}; }

}  // namespace gatecast
