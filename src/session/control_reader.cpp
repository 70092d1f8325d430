#include "session/control_reader.hpp"

#include <algorithm>

namespace gatecast::session {

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
  marks_.assign(1, {clock_.steady(), known - std::min<std::uint64_t>(known, options_.page_rows)});
  seen_.clear();
  co_return Result<void>{};
}

Task<Result<void>> ControlReader::read(Sink sink) {
  const SteadyTime began = clock_.steady();
  if (marks_.empty()) marks_.push_back({began, 0});
  forget_before(began - options_.overlap);
  std::uint64_t after = marks_.front().seq;
  for (bool more = true; more;) {
    Result<std::vector<store::ControlRow>> rows = co_await store_.control_log(after, options_.page_rows);
    if (!rows.has_value()) co_return rows.error();
    for (const store::ControlRow& row : *rows) {
      after = std::max(after, row.seq);
      if (seen_.insert(row.seq).second) sink(row);
    }
    more = rows->size() >= options_.page_rows;
  }
  if (after > marks_.back().seq) marks_.push_back({began, after});
  bound_memory();
  co_return Result<void>{};
}

void ControlReader::forget_before(SteadyTime at) {
  while (marks_.size() > 1 && marks_[1].at <= at) marks_.pop_front();
  seen_.erase(seen_.begin(), seen_.upper_bound(marks_.front().seq));
}

void ControlReader::bound_memory() {
  while (seen_.size() > options_.remembered_max) {
    marks_.front().seq = *seen_.begin();
    seen_.erase(seen_.begin());
  }
  while (marks_.size() > 1 && marks_[1].seq <= marks_.front().seq) marks_.erase(marks_.begin() + 1);
}

}  // namespace gatecast::session
