// Reads streams from Redis: positions, histories, and what somebody missed.
//
// Place: part of RedisBroker. Threads: the loop's. A long answer is asked for in pieces of about a megabyte, so that
// none holds the server up. What ends a recovery is the top that its first piece saw. Errors: broker.hpp's.
#pragma once

#include <vector>

#include "adapters/redis/broker_calls.hpp"
#include "broker/broker.hpp"

namespace gatecast::redis {

class StreamReader {
 public:
  StreamReader(BrokerCalls& calls, std::uint32_t page) : calls_(calls), page_(page) {}

  /// Where the stream stands; one that is not there begins.
  void position(std::string_view channel, broker::Done<broker::StreamPosition> done);
  void history(std::string_view channel, const broker::HistoryQuery& query, broker::Done<broker::HistoryPage> done);
  void recover(std::string_view channel, broker::StreamPosition since, std::uint32_t most,
               broker::Done<broker::Recovered> done);

 private:
  struct Ask {
    char what = 'p';
    std::optional<broker::StreamPosition> since{};
    std::uint64_t count = 0;
    bool passing = false;  // a stream that begins by it need not be kept for long
  };
  struct Piece {
    enum class Status : std::uint8_t { ok, unknown, lost } status = Status::ok;
    broker::StreamPosition top{};
    std::vector<std::shared_ptr<broker::Publication>> publications{};
    std::uint64_t last = 0;  // the offset of the last entry, whether it could be read or not
    bool whole = true;       // all entries could be read
    bool more = false;       // it ends because it was long
  };
  using PieceDone = std::move_only_function<void(Result<Piece>)>;
  struct History;
  struct Recovery;

  void read(const std::string& channel, const Ask& ask, PieceDone done);
  static Result<Piece> piece_of(const std::string& channel, const Value& reply);
  void go_on(std::shared_ptr<History> job);
  void go_on(std::shared_ptr<Recovery> job);

  BrokerCalls& calls_;
  const std::uint32_t page_;
};

}  // namespace gatecast::redis
