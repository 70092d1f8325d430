// What a subscriber asks for, and what it gets.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "broker/streams.hpp"
#include "core/result.hpp"
#include "protocol/tags_filter.hpp"

namespace gatecast::hub {

using FilterRef = std::shared_ptr<const protocol::TagsFilter>;

struct SubscribeOptions {
  bool joins = false;                               // sees who comes and goes
  std::optional<broker::StreamPosition> recover{};  // where it was before: what it missed comes with the answer
  bool newest_only = false;                         // of what it missed, the newest publication alone
  FilterRef filter{};                               // the publications that fit it alone
  bool delta = false;                               // takes differences; not with a filter, and only with a history
  bool kept = false;                                // the channel has a history
};

/// Where the subscription begins: what is published after `position` follows, without a hole and nothing twice.
struct Subscribed {
  broker::StreamPosition position{};
  bool recovered = false;
  std::vector<broker::PublicationRef> publications{};  // what it missed, up to `position`
};

using SubscribeDone = std::move_only_function<void(Result<Subscribed>)>;

}  // namespace gatecast::hub
