// Where clients of our own stand on their two channels, so that they come back and ask for what they missed.
//
// Place: beside a Load; one entry a connection, kept while it is away. Reads the replies and pushes that the server
// writes, by searching: data of the benchmark holds none of the names looked for. Threads: one. Errors: a publication
// that is missing, comes twice or out of order ends the benchmark.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gatecast::bench {

/// What came of those that asked for what they had missed.
struct Returned {
  std::uint64_t recovered = 0;
  std::uint64_t lost = 0;
  std::uint64_t personal_recovered = 0;
  std::uint64_t personal_lost = 0;
  std::uint64_t publications = 0;  // that came with the replies
};

class Places {
 public:
  explicit Places(std::size_t connections) : all_(connections) {}

  void on_connect_reply(std::size_t index, std::string_view line);
  void on_subscribe_reply(std::size_t index, std::string_view line);
  void on_publication(std::size_t index, std::string_view line);

  /// What a connect command says of the personal channel, and a subscribe command of the other: members with a comma
  /// in front, or nothing where the connection has not been there before.
  std::string connect_members(std::size_t index) const;
  std::string subscribe_members(std::size_t index) const;

  const Returned& returned() const { return returned_; }
  /// How many connections stand at `offset` of the channel.
  std::uint64_t standing_at(std::uint64_t offset) const;

 private:
  struct Place {
    std::string epoch;
    std::uint64_t offset = 0;
  };
  struct Entry {
    std::string personal_name;
    Place personal;
    Place channel;
  };
  std::vector<Entry> all_;
  Returned returned_;
};

}  // namespace gatecast::bench
