#include "session/control_reader.hpp"

#include <algorithm>

namespace gatecast::session {
namespace {

std::size_t content_of(const store::ControlRow& row) {
  const std::hash<std::string> text;
  std::size_t sum = text(row.subject) * 31 + text(row.kind);
  sum = sum * 31 + static_cast<std::size_t>(row.reason);
  return sum * 31 + static_cast<std::size_t>(unix_ms(row.at));
}

}  // namespace

// The interface gives rows after a number but not the last number, so it is sought: in steps that double, then by
// halves. About forty look-ups in a log of a million rows.
Task<Result<void>> ControlReader::start() {
  std::uint64_t known = 0;  // there is such a row, or none at all
  std::uint64_t step = 1;
  std::optional<std::uint64_t> beyond;  // no row after it
  while (!beyond.has_value() || known < *beyond) {
    const std::uint64_t probe = beyond.has_value() ? known + (*beyond - known) / 2 : known + step;
    Result<std::vector<store::ControlRow>> rows = co_await store_.control_log(probe, 1);
    if (!rows.has_value()) co_return rows.error();
    if (rows->empty()) {
      beyond = probe;
    } else {
      known = rows->front().seq;
      step *= 2;
    }
  }
  top_ = known - std::min<std::uint64_t>(known, options_.page_rows);
  marks_.assign(1, {clock_.steady(), top_});
  seen_.clear();
  holes_.clear();
  full_at_.reset();
  co_return Result<void>{};
}

Task<Result<ControlReader::Read>> ControlReader::read(Sink sink) {
  const SteadyTime began = clock_.steady();
  if (marks_.empty()) marks_.push_back({began, 0});
  forget_before(began - options_.overlap);
  const std::uint64_t top = top_;
  const bool full = !full_at_.has_value() || began - *full_at_ >= options_.full_every;
  Result<std::uint64_t> end = co_await read_from(full ? marks_.front().seq : top_, sink, began);
  if (!end.has_value()) co_return end.error();
  if (full) {
    // Rows of the last minute are never pruned: where one that was seen is gone, commits were undone.
    if (*end < top && seen_.contains(top)) co_return Read::rewound;
    full_at_ = began;
  } else if (Result<void> looked = co_await look_into_holes(sink, began); !looked.has_value()) {
    co_return looked.error();
  }
  if (top_ > marks_.back().seq) marks_.push_back({began, top_});
  bound_memory();
  co_return Read::reached;
}

Task<Result<std::uint64_t>> ControlReader::read_from(std::uint64_t after, const Sink& sink, SteadyTime began) {
  for (bool more = true; more;) {
    Result<std::vector<store::ControlRow>> rows = co_await store_.control_log(after, options_.page_rows);
    if (!rows.has_value()) co_return rows.error();
    for (const store::ControlRow& row : *rows) {
      after = std::max(after, row.seq);
      take(row, sink, began);
    }
    more = rows->size() >= options_.page_rows;
  }
  co_return after;
}

Task<Result<void>> ControlReader::look_into_holes(const Sink& sink, SteadyTime began) {
  if (holes_.size() > kLooksMax) {
    Result<std::uint64_t> end = co_await read_from(std::max(holes_.front().from - 1, marks_.front().seq), sink, began);
    co_return end.has_value() ? Result<void>{} : end.error();
  }
  for (std::uint64_t from = 0;;) {
    const auto hole = std::ranges::find_if(holes_, [from](const Hole& each) { return each.to >= from; });
    if (hole == holes_.end()) co_return Result<void>{};
    const std::uint64_t to = hole->to;
    Result<std::vector<store::ControlRow>> rows = co_await store_.control_log(std::max(hole->from, from) - 1, 1);
    if (!rows.has_value()) co_return rows.error();
    const bool filled = !rows->empty() && rows->front().seq <= to;
    if (filled) take(rows->front(), sink, began);
    from = filled ? rows->front().seq + 1 : to + 1;
  }
}

void ControlReader::take(const store::ControlRow& row, const Sink& sink, SteadyTime began) {
  const std::size_t content = content_of(row);
  auto [at, fresh] = seen_.try_emplace(row.seq, content);
  if (!fresh && at->second == content) return;
  at->second = content;
  if (row.seq > top_) {
    if (row.seq > top_ + 1) holes_.push_back({top_ + 1, row.seq - 1, began});
    if (holes_.size() > kHolesMax) holes_.pop_front();
    top_ = row.seq;
  } else {
    fill(row.seq);
  }
  sink(row);
}

void ControlReader::fill(std::uint64_t seq) {
  const auto hole = std::ranges::find_if(holes_, [seq](const Hole& each) { return each.to >= seq; });
  if (hole == holes_.end() || hole->from > seq) return;
  const Hole whole = *hole;
  const auto at = holes_.erase(hole);
  const auto behind = seq < whole.to ? holes_.insert(at, {seq + 1, whole.to, whole.since}) : at;
  if (whole.from < seq) holes_.insert(behind, {whole.from, seq - 1, whole.since});
}

void ControlReader::forget_before(SteadyTime at) {
  while (marks_.size() > 1 && marks_[1].at <= at) marks_.pop_front();
  seen_.erase(seen_.begin(), seen_.upper_bound(marks_.front().seq));
  while (!holes_.empty() && holes_.front().since <= at) holes_.pop_front();
}

void ControlReader::bound_memory() {
  while (seen_.size() > options_.remembered_max) {
    marks_.front().seq = seen_.begin()->first;
    seen_.erase(seen_.begin());
  }
  while (marks_.size() > 1 && marks_[1].seq <= marks_.front().seq) marks_.erase(marks_.begin() + 1);
  while (!holes_.empty() && holes_.front().to <= marks_.front().seq) holes_.pop_front();
}

}  // namespace gatecast::session
