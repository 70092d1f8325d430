// Bytes kept where others may read them: encrypted and authenticated (XChaCha20-Poly1305).
//
// Place: for what lies in a service that is not trusted with its content. Threads: any; a SealKey does not change.
// Sealed bytes are a random nonce of 24, the cipher text, and a tag of 16. Each belongs to its `place`, under which
// alone it opens. Errors: `open` gives nothing for what was not sealed with this key for this place.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/secret.hpp"

namespace gatecast::crypto {

class SealKey {
 public:
  /// Made of a key that has other purposes too; `purpose` tells them apart.
  SealKey(const Secret& key, std::string_view purpose);

  std::string seal(std::string_view bytes, std::string_view place) const;
  std::optional<std::string> open(std::string_view sealed, std::string_view place) const;

 private:
  Secret key_;
};

}  // namespace gatecast::crypto
