// Streams as bytes: how histories outlive a restart that was asked for.
//
//   "gatecast streams 2\n" ‖ fields ‖ FNV-1a 64 of all before it; numbers are 8 bytes, little end first, texts follow
//   their length. Times are wall-clock milliseconds: what passes between save and load counts.
#include <bit>
#include <cstring>

#include "broker/streams.hpp"

namespace gatecast::broker {
namespace {

constexpr std::string_view kMagic = "gatecast streams 2\n";

std::uint64_t checksum(std::string_view bytes) {
  std::uint64_t sum = 0xcbf29ce484222325u;
  for (const char c : bytes) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return sum;
}

class Writer {
 public:
  void number(std::uint64_t n) {
    for (int i = 0; i < 8; ++i) bytes_ += static_cast<char>(n >> (8 * i));
  }
  void text(std::string_view text) {
    number(text.size());
    bytes_ += text;
  }
  void raw(std::string_view bytes) { bytes_ += bytes; }
  std::string done() {
    number(checksum(bytes_));
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

/// Whatever it reads past the end is zero or empty, and `good` says so.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  std::uint64_t number() {
    std::uint64_t n = 0;
    const std::string_view bytes = take(8);
    for (std::size_t i = 0; i < bytes.size(); ++i) n |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    return n;
  }
  std::string text() { return std::string(take(number())); }
  bool good() const { return good_; }
  bool done() const { return good_ && rest_.empty(); }

 private:
  std::string_view take(std::uint64_t count) {
    if (count > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  std::string_view rest_;
  bool good_ = true;
};

std::shared_ptr<Publication> read_publication(Reader& in) {
  auto publication = std::make_shared<Publication>();
  publication->data = in.text();
  publication->user = in.text();
  publication->client = in.text();
  publication->conn_info = in.text();
  publication->chan_info = in.text();
  for (std::uint64_t tags = in.number(); tags > 0 && in.good(); --tags) {
    std::string name = in.text();
    publication->tags.emplace_back(std::move(name), in.text());
  }
  return publication;
}

}  // namespace

std::string Streams::save() const {
  const SteadyTime now = clock_.steady();
  const WallTime wall = clock_.wall();
  const auto moment = [&](SteadyTime at) {
    return static_cast<std::uint64_t>(unix_ms(wall - std::chrono::floor<std::chrono::milliseconds>(now - at)));
  };
  Writer out;
  out.raw(kMagic);
  out.number(seed_);
  out.number(drops_.size());
  for (const auto& [hash, times] : drops_) {
    out.number(hash);
    out.number(times);
  }
  out.number(streams_.size());
  for (const Stream* stream = all_.oldest(); stream != nullptr; stream = all_.after(*stream)) {
    out.text(stream->channel);
    out.number(stream->epoch);
    out.number(stream->top);
    out.number(static_cast<std::uint64_t>(stream->time.count()));
    out.number(moment(stream->published_at));
    out.number(stream->version);
    out.number(stream->version_epoch);
    out.number(stream->size());
    for (std::uint64_t offset = stream->first(); offset <= stream->top; ++offset) {
      const Publication& p = *stream->at(offset);
      out.number(moment(stream->at_time(offset)));
      out.text(p.data);
      out.text(p.user);
      out.text(p.client);
      out.text(p.conn_info);
      out.text(p.chan_info);
      out.number(p.tags.size());
      for (const auto& [name, value] : p.tags) {
        out.text(name);
        out.text(value);
      }
    }
  }
  return out.done();
}

bool Streams::load(std::string_view bytes, const std::function<bool(std::string_view)>& mine) {
  if (!bytes.starts_with(kMagic) || bytes.size() < kMagic.size() + 8) return false;
  const std::string_view body = bytes.substr(0, bytes.size() - 8);
  if (Reader(bytes.substr(body.size())).number() != checksum(body)) return false;
  const SteadyTime now = clock_.steady();
  const WallTime wall = clock_.wall();
  const auto moment = [&](std::uint64_t ms) {
    // A clock set back makes nothing younger than now.
    return now - std::max<Duration>(wall - from_unix_ms(static_cast<std::int64_t>(ms)), Duration::zero());
  };
  Reader in(body.substr(kMagic.size()));
  // Where shards were saved with different seeds, one of them has forgotten what it dropped: no old seed may come back.
  const std::uint64_t seed = in.number();
  seed_ = loaded_ && seed != seed_ ? mix(seed_, seed) : seed;
  loaded_ = true;
  for (std::uint64_t left = in.number(); left > 0 && in.good(); --left) {
    const std::uint64_t hash = in.number();
    // What is saved of a channel by a shard that is not its home any more is old.
    auto& times = drops_[hash];
    times = std::max(times, static_cast<std::uint32_t>(in.number()));
  }
  for (std::uint64_t left = in.number(); left > 0 && in.good(); --left) {
    std::string channel = in.text();
    const std::uint64_t epoch = in.number();
    const bool wanted = mine(channel) && find(channel) == nullptr;
    auto stream = std::make_unique<Stream>(std::move(channel), epoch);
    const std::uint64_t top = in.number();
    stream->time = Duration{static_cast<std::int64_t>(in.number())};
    stream->published_at = moment(in.number());
    stream->version = in.number();
    stream->version_epoch = in.number();
    const std::uint64_t size = in.number();
    if (size > top) return false;
    stream->top = top - size;
    Stream* kept = wanted ? &add(std::move(stream)) : nullptr;
    for (std::uint64_t n = 0; n < size && in.good(); ++n) {
      const SteadyTime at = moment(in.number());
      auto publication = read_publication(in);
      if (kept == nullptr) continue;
      publication->channel = kept->channel;
      publication->offset = ++kept->top;
      publication->epoch = epoch;
      keep(*kept, std::move(publication), at);
    }
    if (kept == nullptr) continue;
    expire(*kept);
    keep_bounds();
  }
  return in.done();
}

}  // namespace gatecast::broker
