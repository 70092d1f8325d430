// Who takes part in the simulation: applications that behave as the official clients do, their connections as the
// server keeps them, and the form of what they are sent.
//
// An application knows only the bytes that came out of its socket, as frames:
//   S channel offset epoch outcome taken [offset=data ...]   subscribed: n(ew), r(ecovered), u(nrecovered), e(rror)
//   P channel offset data, J channel client, L channel client     X channel: unsubscribed, as asked
//   U channel: unsubscribed by the server, to subscribe again     D: to connect again
//
// Threads: one. Test code.
#pragma once

#include <deque>
#include <memory>

#include "hub/testing.hpp"

namespace gatecast::hub::testing {

/// What happened, so that a run in which nothing happens does not pass.
struct SimTally {
  std::uint64_t publications = 0, received = 0, subscribed = 0, refused = 0;
  std::uint64_t recovered = 0, unrecovered = 0;  // of those that asked
  std::uint64_t up_to_date = 0, replayed = 0;    // of the recovered: nothing missed, something missed
  std::uint64_t other_epoch = 0, too_old = 0, over_bounds = 0, impossible = 0;  // why others were not
  std::uint64_t newest = 0, gaps = 0, refilled = 0, personal = 0, joins = 0, slow = 0, broken = 0, died = 0;
  std::uint64_t overloaded = 0, cleared = 0, restarts = 0, crashes = 0, dropped = 0, swept = 0, removed = 0,
                left_out = 0;
};

class SimForm final : public Form {
 public:
  using Handed = std::function<void(const broker::Publication&)>;
  SimForm(bool joins, Handed handed) : joins_(joins), handed_(std::move(handed)) {}
  void encode(std::string& out, const broker::Publication& p) const override {
    handed_(p);
    if (p.kind == broker::PublicationKind::message) {
      out += frame(fmt::format("P {} {} {}", p.channel, p.offset, p.data));
    } else if (joins_) {
      out += frame(fmt::format("{} {} {}", p.kind == broker::PublicationKind::join ? 'J' : 'L', p.channel, p.client));
    }
  }
  void encode_delta(std::string& out, const broker::Publication& p, std::string_view) const override { encode(out, p); }

 private:
  const bool joins_;
  const Handed handed_;
};

/// A channel as an application sees it.
struct SimView {
  enum class State : std::uint8_t { idle, asked, on, leaving } state = State::idle;
  bool wanted = true;
  bool ended = false;  // the server ended it while the application was leaving
  bool has_position = false;
  broker::StreamPosition at{};
  std::optional<broker::StreamPosition> asked{};  // where it said it was
  std::optional<std::size_t> live{};              // without a history: what comes next
  std::size_t taken_at_reply = 0;
  std::map<std::string, bool> present{};
};

struct SimCommand {
  enum class Kind : std::uint8_t { subscribe, unsubscribe } kind;
  std::string channel;
  std::optional<broker::StreamPosition> since{};
  bool joins = false;
};

/// One connection: the server's side of it, and what has come out at the other end.
struct SimConnection {
  SimConnection(std::string i, unsigned s, std::size_t a, FakeClient::Takes takes, const Form& plain,
                const Form& joining)
      : id(std::move(i)), shard(s), app(a), client(std::move(takes), plain, &joining) {}
  const std::string id;
  const unsigned shard;
  const std::size_t app;
  FakeClient client;
  bool never = false;  // its socket stays full
  bool waiting = false;
  bool closing = false;
  std::deque<SimCommand> inbox{};                        // commands on their way
  std::map<std::string, broker::ClientInfoRef> seats{};  // by channel
  std::size_t parsed = 0;
};

struct SimApp {
  std::string user;
  std::unique_ptr<SimConnection> connection{};
  std::map<std::string, SimView> views{};
  std::string personal{};  // a channel it cannot subscribe to again: it connects anew
  bool sees_joins = false;
  bool told_to_leave = false;
};

}  // namespace gatecast::hub::testing
