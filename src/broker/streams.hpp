// The histories of channels: what was published, numbered, kept for a while, and read again by who missed it.
//
// Place: the in-process broker; each channel's home shard has the Streams of its channels. Threads: its shard.
// A stream is an epoch and offsets from 1 without a hole; the newest publications are kept, each until it is older than
// the namespace's time or pushed out by a newer one. Position and epoch outlive the publications. A channel that was
// never published to takes no memory: its epoch follows from the process's seed and its name, and from how often its
// stream was dropped, so an offset is never given twice within one epoch.
// Bounds: Limits, over all streams of the shard; over them the streams published to least recently lose their oldest
// publications, then their records. Errors: unrecoverable_position (112), bad_request (107).
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/publication.hpp"
#include "broker/stream.hpp"
#include "core/clock.hpp"
#include "core/result.hpp"

namespace gatecast::broker {

/// What a namespace keeps of a channel; without size or time there is no history. With a version: of which state the
/// publication is, so that one that comes late does not take the place of a newer one.
struct HistoryOptions {
  std::uint32_t size = 0;           // publications
  Duration time{};                  // of each publication
  std::uint64_t version = 0;        // 0: none
  std::uint64_t version_epoch = 0;  // versions of different epochs are not compared; 0: with those of any
  bool on() const { return size > 0 && time > Duration::zero(); }
};

struct HistoryQuery {
  std::int32_t limit = 0;                 // 0: the position only; -1: all
  std::optional<StreamPosition> since{};  // exclusive
  bool reverse = false;                   // the newest first
};

struct HistoryPage {
  std::vector<PublicationRef> publications;
  StreamPosition top;
};

/// What a subscriber that was away gets.
struct Recovered {
  bool recovered = false;  // `publications` is all that it missed, in order
  std::vector<PublicationRef> publications;
  StreamPosition top;
};

class Streams {
 public:
  struct Limits {
    std::size_t bytes = 256u << 20;                  // of publications, with what keeping one costs
    std::size_t streams = 1'000'000;                 // channels with a position
    std::uint32_t page = 300;                        // publications of one answer
    std::size_t recovered_bytes = 256u << 10;        // of one recovery's data
    Duration position_time = std::chrono::days(30);  // a stream nobody published to or subscribes to is dropped then
  };

  /// `seed` is random, of this process or of the data that `load` brings.
  Streams(Limits limits, const Clock& clock, std::uint64_t seed);
  ~Streams();

  /// Numbers the publication and keeps it. Returns where the stream stands with it. One whose version is not above the
  /// newest of its epoch is passed over: it gets no number, and the stream stands where it stood.
  StreamPosition append(std::shared_ptr<Publication> publication, HistoryOptions options);
  StreamPosition position(std::string_view channel) const;
  /// Errors: unrecoverable_position for another epoch; bad_request for a reverse read from before the beginning.
  Result<HistoryPage> read(std::string_view channel, const HistoryQuery& query);
  /// What one recovery may give: what fits a reply, or all that is kept.
  enum class Bounded : std::uint8_t { for_reply, by_history };
  /// What a reader wants to see; empty: all.
  using Fits = std::function<bool(const Publication&)>;
  /// All after `since` that fit, or `recovered:false` where that is not all there or over the bounds.
  Recovered recover(std::string_view channel, const StreamPosition& since, Bounded bounded = Bounded::for_reply,
                    const Fits& fits = {});
  /// The newest publication that fits, for channels that keep one value; recovered where the reader has it or gets it.
  Recovered newest(std::string_view channel, const StreamPosition& since, const Fits& fits = {});
  /// Removes the publications; the position stays.
  void clear(std::string_view channel);

  /// Removes what is past its time from some hundred streams, going on where the last call stopped. A stream for which
  /// `in_use` says so is not dropped.
  void sweep(const std::function<bool(std::string_view channel)>& in_use);

  std::size_t bytes() const { return bytes_; }
  std::size_t count() const { return streams_.size(); }
  std::uint64_t evicted() const { return evicted_; }  // publications that a bound removed

  /// All streams as bytes, and back: those of the saved ones that are `mine`, without what is past its time. The seed
  /// becomes the saved one. `load` takes nothing from bytes that are cut, changed or of another version.
  std::string save() const;
  bool load(std::string_view bytes, const std::function<bool(std::string_view channel)>& mine);

 private:
  struct ByName {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
    std::size_t operator()(const std::unique_ptr<Stream>& stream) const;
    bool operator()(const std::unique_ptr<Stream>& a, const std::unique_ptr<Stream>& b) const { return a == b; }
    bool operator()(const std::unique_ptr<Stream>& a, std::string_view b) const;
    bool operator()(std::string_view a, const std::unique_ptr<Stream>& b) const { return (*this)(b, a); }
  };

  Stream* find(std::string_view channel) const;
  Stream& get(std::string_view channel);
  Stream& add(std::unique_ptr<Stream> stream);
  void keep(Stream& stream, PublicationRef publication, SteadyTime at);
  static std::uint64_t mix(std::uint64_t a, std::uint64_t b);
  std::uint64_t next_epoch(std::string_view channel) const;
  void expire(Stream& stream);
  void pop_oldest(Stream& stream);
  void drop(Stream& stream);
  void keep_bounds();
  Recovered away(std::string_view channel, const StreamPosition& since) const;

  const Limits limits_;
  const Clock& clock_;
  std::uint64_t seed_;
  bool loaded_ = false;                                            // `seed_` is of saved bytes
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> drops_;  // by hash of the name, for names dropped before
  boost::unordered_flat_set<std::unique_ptr<Stream>, ByName, ByName> streams_;
  StreamOrder<&Stream::all> all_;
  StreamOrder<&Stream::holding> holding_;
  Stream* sweep_at_ = nullptr;
  std::size_t bytes_ = 0;
  std::uint64_t evicted_ = 0;
};

}  // namespace gatecast::broker
