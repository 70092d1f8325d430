// One channel's history: a ring of its newest publications, whose offsets follow each other.
//
// Place: inside Streams, which keeps the bounds and the accounts. Threads: its shard.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "broker/publication.hpp"
#include "core/clock.hpp"

namespace gatecast::broker {

class Stream {
 public:
  Stream(std::string name, std::uint64_t its_epoch) : channel(std::move(name)), epoch(its_epoch) {}

  std::size_t size() const { return size_; }
  /// The oldest offset kept; top + 1 where none is.
  std::uint64_t first() const { return top + 1 - size_; }
  const PublicationRef& at(std::uint64_t offset) const { return ring_[place(offset - first())].publication; }
  SteadyTime at_time(std::uint64_t offset) const { return ring_[place(offset - first())].at; }
  SteadyTime oldest_at() const { return ring_[begin_].at; }

  /// Adds the publication with offset `top`; gives what keeping it costs, in bytes.
  std::size_t push(PublicationRef publication, SteadyTime now) {
    const std::size_t before = cost();
    if (size_ == ring_.size()) grow();
    const std::size_t weight = weight_of(*publication);
    ring_[place(size_)] = {std::move(publication), now};
    ++size_;
    return weight + cost() - before;
  }
  /// Removes the oldest; gives what it weighed.
  std::size_t pop() {
    const std::size_t weight = weight_of(*ring_[begin_].publication);
    ring_[begin_] = {};
    begin_ = (begin_ + 1) % ring_.size();
    --size_;
    return weight;
  }
  /// Gives back the ring of an empty stream.
  void shrink() {
    if (size_ == 0) std::vector<Entry>().swap(ring_);
    if (ring_.empty()) begin_ = 0;
  }
  /// What the stream takes beside its publications.
  std::size_t cost() const { return sizeof(Stream) + channel.capacity() + ring_.capacity() * sizeof(Entry); }

  const std::string channel;
  const std::uint64_t epoch;
  std::uint64_t top = 0;      // offset of the newest ever
  Duration time{};            // how long a publication is kept
  std::uint64_t version = 0;  // the newest, where publications have one
  std::uint64_t version_epoch = 0;
  SteadyTime published_at{};

  /// Its places among all streams, and among those that hold publications; both in the order of last publication.
  struct Links {
    Stream* older = nullptr;
    Stream* newer = nullptr;
  };
  Links all{};
  Links holding{};

 private:
  struct Entry {
    PublicationRef publication;
    SteadyTime at{};
  };

  /// The publication, its control block and its texts.
  static std::size_t weight_of(const Publication& p) {
    std::size_t weight = sizeof(Publication) + 16;
    for (const std::string* text : {&p.channel, &p.data, &p.user, &p.client, &p.conn_info, &p.chan_info}) {
      weight += text->capacity();
    }
    for (const auto& [name, value] : p.tags) weight += 64 + name.capacity() + value.capacity();
    return weight;
  }
  std::size_t place(std::size_t index) const { return (begin_ + index) % ring_.size(); }
  void grow() {
    std::vector<Entry> larger(std::max<std::size_t>(4, ring_.size() * 2));
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move(ring_[place(i)]);
    ring_.swap(larger);
    begin_ = 0;
  }

  std::vector<Entry> ring_;
  std::size_t begin_ = 0;
  std::size_t size_ = 0;
};

/// Streams in the order of last publication, by one of their links.
template <Stream::Links Stream::* kLinks>
class StreamOrder {
 public:
  Stream* oldest() const { return oldest_; }
  Stream* newest() const { return newest_; }
  static Stream* after(const Stream& stream) { return (stream.*kLinks).newer; }

  void push(Stream& stream) {
    (stream.*kLinks) = {.older = newest_, .newer = nullptr};
    (newest_ != nullptr ? (newest_->*kLinks).newer : oldest_) = &stream;
    newest_ = &stream;
  }
  void remove(Stream& stream) {
    const Stream::Links links = stream.*kLinks;
    (links.older != nullptr ? (links.older->*kLinks).newer : oldest_) = links.newer;
    (links.newer != nullptr ? (links.newer->*kLinks).older : newest_) = links.older;
    stream.*kLinks = {};
  }

 private:
  Stream* oldest_ = nullptr;
  Stream* newest_ = nullptr;
};

}  // namespace gatecast::broker
