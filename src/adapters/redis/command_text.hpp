// Commands as the wire has them: an array of texts (RESP2 and 3 alike).
//
// Place: under Client. Pure; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gatecast::redis {

/// `*COUNT CRLF`, which `count` texts follow.
void append_count(std::string& to, std::size_t count);
void append_text(std::string& to, std::string_view text);
void append_texts(std::string& to, std::span<const std::string_view> texts);
/// A whole command.
std::string command_text(std::span<const std::string_view> texts);

}  // namespace gatecast::redis
