// Patterns of channel names: `*` is any text, also none, `?` one character, `\` takes the next one as it stands.
//
// Place: the server API's lists. Pure; any thread. Bounds: a pattern has at most kBytesMax bytes; a match looks at each
// byte of the name at most once for each byte of the pattern. Errors: field_invalid; `[` and `{`, which other servers'
// patterns give a meaning, must be written `\[` and `\{`, so that no pattern means something else here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace gatecast::server {

class NamePattern {
 public:
  static constexpr std::size_t kBytesMax = 255;

  /// An empty text matches every name.
  static Result<NamePattern> parse(std::string_view text);

  bool matches(std::string_view name) const;

 private:
  struct Piece {
    enum class Kind : std::uint8_t { byte, character, any } kind;
    char byte;
  };
  std::vector<Piece> pieces_;
  bool everything_ = false;
};

}  // namespace gatecast::server
