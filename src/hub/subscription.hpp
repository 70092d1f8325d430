// What a subscriber asks for, and what it gets.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "broker/streams.hpp"
#include "core/result.hpp"

namespace gatecast::hub {

struct SubscribeOptions {
  bool joins = false;                               // sees who comes and goes
  std::optional<broker::StreamPosition> recover{};  // where it was before: what it missed comes with the answer
  bool newest_only = false;                         // of what it missed, the newest publication alone
};

/// Where the subscription begins: what is published after `position` follows, without a hole and nothing twice.
struct Subscribed {
  broker::StreamPosition position{};
  bool recovered = false;
  std::vector<broker::PublicationRef> publications{};  // what it missed, up to `position`
};

using SubscribeDone = std::move_only_function<void(Result<Subscribed>)>;

}  // namespace gatecast::hub
