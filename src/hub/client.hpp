// One connection as the hub sees it: its subscriptions, its outbox, and a way to write bytes.
//
// Place: the server's connection derives from it. Owner: the server; threads: the client's shard. A client must have
// left every channel (Hub::forget) before it is destroyed. Bounds: outbox and unread logs by Hub::Limits::queue_bytes.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "hub/form.hpp"
#include "hub/outbox.hpp"

namespace gatecast::hub {

class Channel;
class Hub;

class Client {
 public:
  Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  std::size_t queued_bytes() const { return outbox_.bytes(); }
  std::size_t channels() const { return subscriptions_.size(); }
  std::uint64_t bytes_out() const { return bytes_out_; }

 protected:
  ~Client() = default;
  /// Nothing is queued, and all that `write` took has left.
  bool all_sent() const { return outbox_.empty() && !unsent_; }

  bool unsent_ = false;  // set by `write`: a part of what it took has not left yet

 private:
  friend class Hub;
  friend class Channel;

  /// Bytes taken, 0 where none are now (the client then calls Hub::writable when they are again), -2: broken. What was
  /// taken is never offered again; where a part of it has not left yet `unsent_` is set, and the next call, be it
  /// without bytes, goes on with that.
  virtual std::ptrdiff_t write(const iovec* parts, std::size_t count) = 0;
  /// Write readiness is wanted, or no longer.
  virtual void want_writable(bool on) = 0;
  // Told at the end of a turn, outside any loop over clients; each may forget and destroy the client.
  /// The client reads too slowly: its queue is over the bound. It has to close.
  virtual void on_slow() = 0;
  /// Writing failed: the connection is gone.
  virtual void on_broken() = 0;
  /// The client is muted, and everything queued has been written.
  virtual void on_drained() = 0;
  /// Publications of this channel were lost on the way to this shard; the client has to subscribe anew.
  virtual void on_gap(std::string_view channel) = 0;
  /// The form of its publications: on a channel where it sees who comes and goes, or not.
  virtual const Form& form(bool joins) const = 0;

  struct Subscription {
    Channel* channel;
    std::uint32_t index;  // among the channel's subscribers
  };

  Outbox outbox_;
  std::vector<Subscription> subscriptions_;
  std::uint64_t bytes_out_ = 0;
  bool blocked_ = false;       // the kernel's buffer is full; waits for write readiness
  bool dirty_ = false;         // in the hub's list of clients to flush
  std::uint16_t waiting_ = 0;  // subscriptions that wait for a home's answer
  bool muted_ = false;         // closing: nothing of channels is sent any more
  bool doomed_ = false;        // slow or broken, and told so at the end of the turn
};

}  // namespace gatecast::hub
