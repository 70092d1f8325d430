// The histories of the in-process broker over a restart that was asked for: written when the server has drained, read
// at the next start, and removed by reading, so that what a crash leaves behind is never taken for the present.
//
// Place: Server::stop and Server::start. Blocking; the main thread, while no shard serves. Errors: store_failed with
// path and reason; the server then goes on with new epochs, and clients are told that they cannot recover.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace gatecast::server {

/// Writes the parts (one a shard) into `path`, whole or not at all, readable by this user alone.
Result<void> write_streams(const std::string& path, const std::vector<std::string>& parts);
/// The parts of the file, which is gone afterwards; none where there is no file.
Result<std::vector<std::string>> take_streams(const std::string& path);

}  // namespace gatecast::server
