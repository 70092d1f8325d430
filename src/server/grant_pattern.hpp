// `namespace.grant`: which resource opens a channel.
//
// `post:{1}` in namespace `chat` says that holders of `post:42` may subscribe to `chat:42`. `{1}` … `{9}` stand for the
// parts of the channel's name between colons, behind the namespace's. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"

namespace gatecast::server {

/// Error: config_invalid, naming what is wrong.
Result<void> check_grant_pattern(std::string_view pattern);
/// The resource that opens the channel; empty where its name lacks a part of the pattern, so that nothing does.
std::string grant_resource(std::string_view pattern, std::string_view channel);

}  // namespace gatecast::server
