// RESP3, read from a buffer that fills as bytes arrive.
//
// Place: inside Connection, which owns the buffer. A published message is given as views into it, whole or not at all;
// everything else becomes a Value, built up as its parts arrive, so that no byte is looked at twice. Threads: one
// loop's. Strict: lengths are plain decimals, lines end with CR LF, streamed values (which Redis does not send) are
// refused. Attributes are skipped. Bounds: Limits; what a value costs in memory counts, not its bytes on the wire.
// Errors: temporarily_unavailable with a detail (the peer does not speak RESP3, or a bound was passed); the decoder is
// then of no more use until `reset`.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "adapters/redis/value.hpp"
#include "core/result.hpp"

namespace gatecast::redis {

class RespDecoder {
 public:
  struct Limits {
    std::size_t value_bytes = 64u << 20;
    std::size_t depth = 16;
  };
  enum class Step : std::uint8_t { more, value, message };

  explicit RespDecoder(Limits limits) : limits_(limits) {}

  /// Takes from the front of `input` what it understands. `more`: what is left of `input` must be given again with what
  /// comes after it, once it is at least `wants()` bytes long.
  Result<Step> next(std::string_view& input);
  std::size_t wants() const { return wants_; }

  /// After `value`; a push is of kind push.
  Value take_value() { return std::move(root_); }
  /// After `message`: of topic and payload; good as long as the buffer is.
  std::string_view topic() const { return topic_; }
  std::string_view payload() const { return payload_; }

  void reset();

 private:
  struct Open {
    Value* list;
    std::size_t left;
    bool attribute;
  };
  enum class Got : std::uint8_t { more, scalar, opened };

  std::optional<std::string_view> line(std::string_view input);
  Step message(std::string_view& input);
  Result<Got> part(std::string_view& input, Value& into);
  Result<Got> text(std::string_view& input, std::string_view head, Value& into);
  Result<Got> open(std::string_view head, Value& into);
  Result<Got> scalar(std::string_view head, Value& into);
  bool close_finished();
  bool charge(std::size_t bytes);

  Limits limits_;
  Value root_{};
  Value skipped_{};  // an attribute
  std::vector<Open> open_{};
  std::size_t cost_ = 0;
  std::size_t wants_ = 1;
  std::string_view topic_{};
  std::string_view payload_{};
};

}  // namespace gatecast::redis
