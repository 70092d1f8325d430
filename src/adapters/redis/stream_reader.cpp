#include "adapters/redis/stream_reader.hpp"

#include <fmt/format.h>

#include <charconv>

#include "adapters/redis/publication_text.hpp"
#include "core/text_form.hpp"
#include "crypto/random.hpp"
#include "metrics/registry.hpp"

namespace gatecast::redis {
namespace {

constexpr std::size_t kPieceBytes = 1u << 20;
/// Positions are kept for so long; a stream that only somebody's curiosity began, for an hour.
constexpr std::string_view kKeptSeconds = "2592000";
constexpr std::string_view kPassingSeconds = "3600";

template <class T>
bool read_number(std::string_view text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

std::string epoch_asked_for(const std::optional<broker::StreamPosition>& since) {
  if (!since) return "-";
  return since->epoch == broker::kAnyEpoch ? "*" : std::to_string(since->epoch);
}

}  // namespace

Result<StreamReader::Piece> StreamReader::piece_of(const std::string& channel, const Value& reply) {
  Piece piece;
  const auto status = text_at(reply, 0);
  if (status == "unknown") {
    piece.status = Piece::Status::unknown;
  } else if (status == "lost") {
    piece.status = Piece::Status::lost;
  }
  if (reply.items.size() < 4 || !read_number(text_at(reply, 1), piece.top.offset) ||
      !read_number(text_at(reply, 2), piece.top.epoch)) {
    return fail(Errc::temporarily_unavailable, "redis: a read answered in another form");
  }
  if (text_at(reply, 3) == "1") metrics::count<"broker_forks_total">();
  std::size_t bytes = 0;
  for (std::size_t i = 4; i + 1 < reply.items.size(); i += 2) {
    const auto text = text_at(reply, i + 1);
    bytes += text.size();
    auto publication = parse_publication_text(text);
    if (!read_number(text_at(reply, i), piece.last) || publication == nullptr) {
      piece.whole = false;
      metrics::count<"broker_dropped_total">();
      continue;
    }
    publication->channel = channel;
    publication->offset = piece.last;
    publication->epoch = piece.top.epoch;
    piece.publications.push_back(std::move(publication));
  }
  piece.more = bytes >= kPieceBytes;
  return piece;
}

void StreamReader::read(const std::string& channel, const Ask& ask, PieceDone done) {
  const std::string meta = calls_.names().key(Names::meta, channel),
                    stream = calls_.names().key(Names::stream, channel);
  const std::string base = hex_encode(crypto::random_bytes(8));
  const std::string epoch = epoch_asked_for(ask.since), offset = std::to_string(ask.since ? ask.since->offset : 0);
  const std::string count = std::to_string(ask.count), bytes = std::to_string(kPieceBytes);
  calls_.run(read_script(), std::array<std::string_view, 2>{meta, stream},
             std::array<std::string_view, 7>{base, ask.passing ? kPassingSeconds : kKeptSeconds, epoch, offset,
                                             std::string_view(&ask.what, 1), count, bytes},
             [channel, done = std::move(done)](Result<Value> reply) mutable {
               if (!reply) return done(std::move(reply.error()));
               done(piece_of(channel, *reply));
             });
}

void StreamReader::position(std::string_view channel, broker::Done<broker::StreamPosition> done) {
  read(std::string(channel), Ask{}, [done = std::move(done)](Result<Piece> piece) mutable {
    if (!piece) return done(std::move(piece.error()));
    done(piece->top);
  });
}

struct StreamReader::History {
  std::string channel;
  broker::HistoryQuery query;
  std::uint64_t left = 0;
  broker::HistoryPage page{};
  broker::Done<broker::HistoryPage> done;
};

void StreamReader::history(std::string_view channel, const broker::HistoryQuery& query,
                           broker::Done<broker::HistoryPage> done) {
  const auto most = query.limit < 0 ? page_ : std::min(static_cast<std::uint32_t>(query.limit), page_);
  go_on(std::make_shared<History>(History{std::string(channel), query, most, {}, std::move(done)}));
}

void StreamReader::go_on(std::shared_ptr<History> job) {
  Ask ask{.what = 'p', .since = job->query.since, .count = job->left, .passing = true};
  if (job->left > 0) ask.what = job->query.reverse ? 'r' : 'f';
  read(job->channel, ask, [this, job](Result<Piece> piece) {
    if (!piece) return job->done(std::move(piece.error()));
    if (piece->status != Piece::Status::ok) return job->done(Errc::unrecoverable_position);
    if (job->query.reverse && job->query.since && job->query.since->offset == 0) {
      return job->done(fail(Errc::bad_request, "a reverse read before the first publication"));
    }
    job->page.top = piece->top;
    for (auto& publication : piece->publications) job->page.publications.push_back(std::move(publication));
    job->left -= std::min<std::uint64_t>(job->left, piece->publications.size());
    if (!piece->more || job->left == 0 || (job->query.reverse && piece->last <= 1)) {
      return job->done(std::move(job->page));
    }
    job->query.since = broker::StreamPosition{piece->last, piece->top.epoch};
    go_on(job);
  });
}

struct StreamReader::Recovery {
  std::string channel;
  broker::StreamPosition since;
  std::uint64_t most = 0;
  bool begun = false;
  broker::StreamPosition target{};
  std::vector<std::shared_ptr<broker::Publication>> publications{};
  broker::Done<broker::Recovered> done;

  void end(bool recovered, broker::StreamPosition top) {
    metrics::count<"broker_recoveries_total">(recovered ? metrics::Recovery::recovered
                                                        : metrics::Recovery::unrecovered);
    broker::Recovered result{.recovered = recovered, .publications = {}, .top = top};
    if (recovered) {
      result.publications.reserve(publications.size());
      for (auto& publication : publications) {
        // Those of before a fork are of the present epoch as well.
        publication->epoch = top.epoch;
        result.publications.push_back(std::move(publication));
      }
    }
    done(std::move(result));
  }
};

void StreamReader::recover(std::string_view channel, broker::StreamPosition since, std::uint32_t most,
                           broker::Done<broker::Recovered> done) {
  auto job = std::make_shared<Recovery>();
  job->channel = channel;
  job->since = since;
  job->most = most;
  job->done = std::move(done);
  go_on(std::move(job));
}

void StreamReader::go_on(std::shared_ptr<Recovery> job) {
  // What is published while pieces are read does not make it longer.
  std::uint64_t count = job->most - job->publications.size();
  if (job->begun) count = std::min(count, job->target.offset - job->since.offset);
  read(job->channel, {.what = 'c', .since = job->since, .count = count}, [this, job](Result<Piece> piece) {
    if (!piece) return job->done(std::move(piece.error()));
    if (piece->status != Piece::Status::ok || !piece->whole) return job->end(false, piece->top);
    if (!job->begun || job->target.epoch != piece->top.epoch) job->target = piece->top;  // another server may have less
    job->begun = true;
    for (auto& publication : piece->publications) {
      if (publication->offset != ++job->since.offset) return job->end(false, piece->top);
      job->publications.push_back(std::move(publication));
    }
    job->since.epoch = piece->top.epoch;
    if (job->since.offset >= job->target.offset || job->publications.size() >= job->most) {
      return job->end(true, job->target);
    }
    if (piece->last == 0) return job->end(false, piece->top);
    go_on(job);
  });
}

}  // namespace gatecast::redis
