// One RESP3 value as the server sent it. Place: made by the decoder. Immutable; any thread. Bounds: the decoder's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gatecast::redis {

struct Value {
  enum class Kind : std::uint8_t { null, text, number, boolean, real, error, list, map, push };
  Kind kind = Kind::null;
  std::string text{};       // text, error ("MOVED 3999 127.0.0.1:6381")
  std::int64_t number = 0;  // number; boolean: 0 or 1
  double real = 0;
  std::vector<Value> items{};  // list, push; map: key, value, key, value…

  bool is_error() const { return kind == Kind::error; }
  bool is_null() const { return kind == Kind::null; }
};

}  // namespace gatecast::redis
