// A publication as bytes: what lies in streams and travels on topics.
//
//   text:     version 1 ‖ flags (kind, 4: delta) ‖ data ‖ user ‖ client ‖ conn_info ‖ chan_info ‖ tags
//   message:  offset : epoch :  text         on a channel's own topic
//             offset : epoch :  length : channel text     on a topic that channels share
//
// Each field is its length (LEB128, shortest form) and its bytes; tags are their number, then names and values. What
// stands behind them is of a newer program, and ignored. Pure; any thread. Bounds: kTextBytesMax, kTagsMax.
// Errors: nothing is made of bytes that break the form.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "broker/publication.hpp"

namespace gatecast::redis {

inline constexpr std::size_t kTextBytesMax = 16u << 20;
inline constexpr std::size_t kTagsMax = 1024;

/// Without channel, offset and epoch.
std::string publication_text(const broker::Publication& publication);
std::shared_ptr<broker::Publication> parse_publication_text(std::string_view text);

/// What stands before the text on a shared topic.
std::string channel_mark(std::string_view channel);

/// Views into what was parsed.
struct TopicMessage {
  broker::StreamPosition place{};
  std::string_view channel{};  // of a shared topic
  std::string_view text{};
};
std::optional<TopicMessage> parse_topic_message(std::string_view bytes, bool shared);

/// "offset:epoch" and whatever a newer program adds behind another colon.
std::optional<broker::StreamPosition> parse_place(std::string_view text);

}  // namespace gatecast::redis
