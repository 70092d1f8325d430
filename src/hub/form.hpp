// The form of a publication on the wire: framing × encoding × compression.
//
// Place: server makes the forms out of ws, http and protocol; hub encodes a publication once per form and shard and
// never looks inside the bytes. Lifetime: forms outlive the hub. Threads: stateless, any.
#pragma once

#include <string>
#include <string_view>

#include "broker/publication.hpp"

namespace gatecast::hub {

class Form {
 public:
  virtual ~Form() = default;
  /// Appends the complete frame that carries `publication` to a subscriber; nothing where such subscribers do not see
  /// its kind.
  virtual void encode(std::string& out, const broker::Publication& publication) const = 0;
  /// The same for subscribers that take differences: the data is a text that holds `delta`, or where that is empty the
  /// publication's own.
  virtual void encode_delta(std::string& out, const broker::Publication& publication, std::string_view delta) const = 0;
};

}  // namespace gatecast::hub
