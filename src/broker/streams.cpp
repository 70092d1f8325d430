#include "broker/streams.hpp"

#include <algorithm>

namespace gatecast::broker {
namespace {

constexpr unsigned kSweepStreams = 256;
/// Names that were dropped, remembered for each stream that may be there.
constexpr std::size_t kDropsPerStream = 4;

std::uint64_t hash_of(std::string_view name) { return std::hash<std::string_view>{}(name); }

bool passed_over(const Stream& stream, const HistoryOptions& options) {
  if (options.version == 0 || stream.version == 0) return false;
  if (options.version_epoch != 0 && options.version_epoch != stream.version_epoch) return false;
  return options.version <= stream.version;
}

bool same_epoch(std::uint64_t asked, std::uint64_t current) { return asked == kAnyEpoch || asked == current; }

}  // namespace

/// The finaliser of SplitMix64 (Steele, Lea, Flood): every bit of the sum counts in every bit of the result.
std::uint64_t Streams::mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t x = a + 0x9e3779b97f4a7c15u * (b + 1);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

Streams::Streams(Limits limits, const Clock& clock, std::uint64_t seed) : limits_(limits), clock_(clock), seed_(seed) {}
Streams::~Streams() = default;

std::size_t Streams::ByName::operator()(const std::unique_ptr<Stream>& stream) const {
  return (*this)(stream->channel);
}
bool Streams::ByName::operator()(const std::unique_ptr<Stream>& a, std::string_view b) const { return a->channel == b; }

Stream* Streams::find(std::string_view channel) const {
  const auto at = streams_.find(channel);
  return at == streams_.end() ? nullptr : at->get();
}

std::uint64_t Streams::next_epoch(std::string_view channel) const {
  const auto hash = hash_of(channel);
  const auto dropped = drops_.find(hash);
  return mix(mix(seed_, hash), dropped == drops_.end() ? 0 : dropped->second) % kEpochs;
}

Stream& Streams::get(std::string_view channel) {
  if (Stream* known = find(channel)) return *known;
  return add(std::make_unique<Stream>(std::string(channel), next_epoch(channel)));
}

Stream& Streams::add(std::unique_ptr<Stream> made) {
  Stream& stream = **streams_.insert(std::move(made)).first;
  bytes_ += stream.cost();
  all_.push(stream);
  return stream;
}

void Streams::keep(Stream& stream, PublicationRef publication, SteadyTime at) {
  bytes_ += stream.push(std::move(publication), at);
  if (stream.size() > 1) holding_.remove(stream);
  holding_.push(stream);
}

StreamPosition Streams::append(std::shared_ptr<Publication> publication, HistoryOptions options) {
  Stream& stream = get(publication->channel);
  if (passed_over(stream, options)) return {stream.top, stream.epoch};
  if (options.version != 0) {
    stream.version = options.version;
    stream.version_epoch = options.version_epoch;
  }
  if (sweep_at_ == &stream) sweep_at_ = all_.after(stream);
  all_.remove(stream);
  all_.push(stream);
  const SteadyTime now = clock_.steady();
  stream.published_at = now;
  stream.time = options.time;
  publication->offset = ++stream.top;
  publication->epoch = stream.epoch;
  expire(stream);
  while (stream.size() >= std::max(options.size, 1u)) pop_oldest(stream);
  keep(stream, std::move(publication), now);
  const StreamPosition position{stream.top, stream.epoch};
  keep_bounds();
  return position;
}

StreamPosition Streams::position(std::string_view channel) const {
  const Stream* stream = find(channel);
  if (stream == nullptr) return {0, next_epoch(channel)};
  return {stream->top, stream->epoch};
}

Result<HistoryPage> Streams::read(std::string_view channel, const HistoryQuery& query) {
  HistoryPage page{.publications = {}, .top = position(channel)};
  if (query.since && !same_epoch(query.since->epoch, page.top.epoch)) return Errc::unrecoverable_position;
  if (query.reverse && query.since && query.since->offset == 0) {
    return fail(Errc::bad_request, "a reverse read before the first publication");
  }
  Stream* stream = find(channel);
  if (stream == nullptr || query.limit == 0) return page;
  expire(*stream);
  const std::size_t most =
      query.limit < 0 ? limits_.page : std::min<std::size_t>(static_cast<std::size_t>(query.limit), limits_.page);
  const std::uint64_t first = stream->first(), end = stream->top + 1;
  if (query.reverse) {
    std::uint64_t at = query.since ? std::min(query.since->offset, end) : end;
    while (at > first && page.publications.size() < most) page.publications.push_back(stream->at(--at));
  } else {
    std::uint64_t at = query.since && query.since->offset >= first ? std::min(query.since->offset, end - 1) + 1 : first;
    while (at < end && page.publications.size() < most) page.publications.push_back(stream->at(at++));
  }
  return page;
}

/// What can be said without the publications: recovered where nothing was missed.
Recovered Streams::away(std::string_view channel, const StreamPosition& since) const {
  Recovered result{.recovered = false, .publications = {}, .top = position(channel)};
  result.recovered = same_epoch(since.epoch, result.top.epoch) && since.offset == result.top.offset;
  return result;
}

Recovered Streams::recover(std::string_view channel, const StreamPosition& since, Bounded bounded, const Fits& fits) {
  Recovered result = away(channel, since);
  Stream* stream = find(channel);
  if (result.recovered || stream == nullptr || !same_epoch(since.epoch, result.top.epoch)) return result;
  expire(*stream);
  if (since.offset + 1 < stream->first() || since.offset > stream->top) return result;
  const bool for_reply = bounded == Bounded::for_reply;
  if (for_reply && stream->top - since.offset > limits_.page) return result;
  std::size_t bytes = 0;
  for (std::uint64_t at = since.offset + 1; at <= stream->top; ++at) {
    const auto& publication = stream->at(at);
    if (fits && !fits(*publication)) continue;
    bytes += publication->data.size();
    if (for_reply && bytes > limits_.recovered_bytes) {
      result.publications.clear();
      return result;
    }
    result.publications.push_back(publication);
  }
  result.recovered = true;
  return result;
}

Recovered Streams::newest(std::string_view channel, const StreamPosition& since, const Fits& fits) {
  Recovered result = away(channel, since);
  Stream* stream = find(channel);
  if (result.recovered || stream == nullptr) return result;
  expire(*stream);
  const bool same = same_epoch(since.epoch, result.top.epoch) && since.offset <= stream->top;
  // A filter that nothing fits must not make this long.
  const std::uint64_t oldest =
      std::max(stream->first(), stream->top - std::min<std::uint64_t>(stream->top, limits_.page));
  for (std::uint64_t at = stream->top; at >= oldest && at > 0; --at) {
    if (fits && same && at <= since.offset) {
      result.recovered = true;  // the reader has seen what fits up to there
      return result;
    }
    if (fits && !fits(*stream->at(at))) continue;
    result.publications.push_back(stream->at(at));
    result.recovered = true;
    return result;
  }
  return result;
}

void Streams::clear(std::string_view channel) {
  Stream* stream = find(channel);
  while (stream != nullptr && stream->size() > 0) pop_oldest(*stream);
}

void Streams::pop_oldest(Stream& stream) {
  bytes_ -= stream.pop();
  if (stream.size() == 0) holding_.remove(stream);
}

void Streams::expire(Stream& stream) {
  const SteadyTime now = clock_.steady();
  while (stream.size() > 0 && now - stream.oldest_at() >= stream.time) pop_oldest(stream);
}

void Streams::drop(Stream& stream) {
  if (drops_.size() >= limits_.streams * kDropsPerStream) {
    // Forgotten which names were dropped: every epoch that is not in use changes.
    drops_.clear();
    seed_ = mix(seed_, stream.epoch);
  }
  ++drops_[hash_of(stream.channel)];
  while (stream.size() > 0) pop_oldest(stream);
  bytes_ -= stream.cost();
  if (sweep_at_ == &stream) sweep_at_ = all_.after(stream);
  all_.remove(stream);
  streams_.erase(streams_.find(std::string_view(stream.channel)));
}

void Streams::keep_bounds() {
  while (streams_.size() > limits_.streams) {
    evicted_ += all_.oldest()->size();
    drop(*all_.oldest());
  }
  while (bytes_ > limits_.bytes) {
    Stream& oldest = *holding_.oldest();
    // The newest publication of all stays, whatever it weighs: it is on its way to its subscribers anyway.
    if (&oldest == holding_.newest() && oldest.size() == 1) return;
    pop_oldest(oldest);
    ++evicted_;
  }
}

void Streams::sweep(const std::function<bool(std::string_view)>& in_use) {
  const SteadyTime now = clock_.steady();
  if (sweep_at_ == nullptr) sweep_at_ = all_.oldest();
  for (unsigned n = 0; n < kSweepStreams && sweep_at_ != nullptr; ++n) {
    Stream& stream = *sweep_at_;
    sweep_at_ = all_.after(stream);
    expire(stream);
    if (stream.size() == 0) {
      bytes_ -= stream.cost();
      stream.shrink();
      bytes_ += stream.cost();
      if (now - stream.published_at >= limits_.position_time && !in_use(stream.channel)) drop(stream);
    }
  }
}

}  // namespace gatecast::broker
