// Tells the application's servers what happened: each webhook gets the events of the audit log, signed, in order.
//
// Place: over the store and outbound; Server makes one. A webhook reads the log from its durable position and posts
// {"webhook", "events":[…]}; after a 2xx the position moves. So: at least once, in order, and one that was down hears
// of everything while the audit log keeps it. One that is new begins at now. A failure is tried again after 1 s, then
// twice as long each time up to 5 min, with chance, without end. Of several nodes one sends, which holds the webhook's
// lease; another begins at its position when that is given back or has run out.
// Threads: one loop (that of `start`). Lifetime: `stop` is awaited before destruction; store, outbound, clock and bell
// outlive it. Bounds: one request a webhook at a time, 100 events or 256 KB each.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/secret.hpp"
#include "outbound/outbound.hpp"
#include "session/bell.hpp"
#include "store/store.hpp"

namespace gatecast::session {

struct Webhook {
  std::string name;  // of its position in the store: a webhook that moves keeps its name
  std::string url;
  Secret secret;
  std::vector<std::string> kinds{};  // of events; empty: all
};

/// The pause before attempt `failures` + 1: 1 s doubled each time, at most 5 min, of which `chance` (0 to 1) takes up
/// to half away.
Duration webhook_backoff(std::uint32_t failures, double chance);

class Webhooks {
 public:
  static constexpr std::uint32_t kBatchEvents = 100;
  static constexpr std::size_t kBatchBytes = std::size_t{256} * 1024;
  static constexpr std::chrono::seconds kRequestTime{5};

  struct Parts {
    store::Store& store;
    outbound::Outbound& outbound;
    const Clock& clock;
    Bell& events;
    std::string node{};  // this one among several; empty: alone
  };
  Webhooks(std::vector<Webhook> hooks, Parts parts);
  ~Webhooks();
  Webhooks(const Webhooks&) = delete;
  Webhooks& operator=(const Webhooks&) = delete;

  /// Gives new webhooks their place in the log, then begins to send. On the loop that sends. Errors: the store's.
  Task<Result<void>> start();
  /// Ends when what is on its way has been answered; the rest waits for the next start.
  Task<void> stop();

 private:
  class Sender;
  void note_lag();

  const Parts parts_;
  Bell stopped_;  // never rung, closed to stop
  std::vector<std::unique_ptr<Sender>> senders_;
};

}  // namespace gatecast::session
