// Shows what a token says without believing it: for /validate, the pages and the doctor.
//
// Pure; any thread. Nothing of the result may decide anything. Bounds: 8192 bytes. Errors: `token_malformed`,
// `token_encrypted`.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"

namespace gatecast::token {

struct Inspection {
  std::string header_json{};  // both as the token has them: one JSON object each
  std::string claims_json{};
};

Result<Inspection> inspect(std::string_view token);

}  // namespace gatecast::token
