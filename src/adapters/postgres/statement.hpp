// A statement and its values, as they go to the server.
//
// Place: inside adapters/postgres: operations make them, Connection sends them. Statements are constants: each is
// prepared once per connection, named by the hash of its text; its `name` stands in errors. Values have types, so no
// type is guessed from where $1 stands, and go in binary form, so a text keeps every byte of it.
// Threads: as values. Bounds: who makes an array bounds it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/clock.hpp"

namespace gatecast::postgres {

struct Statement {
  const char* name;  // "sessions.renew"
  const char* sql;
  std::uint64_t id;  // FNV-1a of the text
  consteval Statement(const char* what, const char* text) : name(what), sql(text), id(14695981039346656037ULL) {
    for (const char* c = text; *c != 0; ++c) id = (id ^ static_cast<unsigned char>(*c)) * 1099511628211ULL;
  }
};

/// A bytea value.
struct Bytes {
  std::string_view bytes;
};

/// Values for $1, $2, … Texts are `text`, whole numbers and times (milliseconds since 1970) `bigint`, flags `boolean`,
/// vectors `text[]`, `bigint[]` or `boolean[]`; an optional without value is null.
class Params {
 public:
  template <class... Ts>
  explicit Params(const Ts&... values) {
    (add(values), ...);
  }

  void add(std::string_view text);
  void add(const std::string& text) { add(std::string_view(text)); }
  void add(const char* text) { add(std::string_view(text)); }
  void add(Bytes bytes);
  void add(bool flag);
  template <std::integral T>
  void add(T number) {
    add_number(static_cast<std::int64_t>(number));
  }
  void add(WallTime time) { add_number(unix_ms(time)); }
  template <class T>
  void add(const std::optional<T>& value) {
    if (value) {
      add(*value);
    } else {
      add_null(type_of<T>());
    }
  }
  void add(const std::vector<std::string>& texts);
  void add(const std::vector<std::int64_t>& numbers);
  void add(const std::vector<WallTime>& times);
  void add(const std::vector<bool>& flags);

  int size() const { return static_cast<int>(types_.size()); }
  /// As libpq takes them; valid until the next `add`.
  const unsigned* types() const { return types_.data(); }
  const int* lengths() const { return lengths_.data(); }
  const int* formats() const { return formats_.data(); }
  std::vector<const char*> values() const;

 private:
  template <class T>
  static constexpr unsigned type_of() {
    if constexpr (std::is_same_v<T, bool>) return kBool;
    if constexpr (std::is_integral_v<T> || std::is_same_v<T, WallTime>) return kBigint;
    if constexpr (std::is_same_v<T, Bytes>) return kBytea;
    return kText;
  }
  void add_number(std::int64_t number);
  void add_null(unsigned type);
  void add_value(unsigned type, std::string_view bytes);

  // Numbers of PostgreSQL's catalogue; they never change.
  static constexpr unsigned kBool = 16, kBytea = 17, kBigint = 20, kText = 25;
  static constexpr unsigned kBools = 1000, kBigints = 1016, kTexts = 1009;

  std::vector<unsigned> types_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
  std::vector<std::ptrdiff_t> at_;  // in bytes_; below 0: null
  std::string bytes_;
};

/// Statements that leave in one round trip, in order. Where one fails those behind it are not carried out.
class Batch {
 public:
  struct Item {
    const Statement* statement;
    Params params;
  };

  template <class... Ts>
  Batch& add(const Statement& statement, const Ts&... values) {
    items_.push_back({&statement, Params(values...)});
    return *this;
  }
  /// Gives the index of what was added.
  template <class... Ts>
  std::size_t put(const Statement& statement, const Ts&... values) {
    add(statement, values...);
    return items_.size() - 1;
  }
  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }
  const std::vector<Item>& items() const { return items_; }
  void insert_first(const Statement& statement, Params params) {
    items_.insert(items_.begin(), {&statement, std::move(params)});
  }

 private:
  std::vector<Item> items_;
};

}  // namespace gatecast::postgres
