// Counting and reading: every thread counts into a block of its own, a scrape adds the blocks up.
//
//   metrics::count<"refusals_total">(Errc::rate_limited);   metrics::add<"bytes_in_total">(n);
//   metrics::gauge_add<"connections_open">(+1);             metrics::observe<"http_seconds">(0.004);
//
// Place: core below, everything above. Threads: any; a block is written by its owner only (relaxed load and store, no
// locked instruction, no shared cache line) and read by the scraper. Lifetime: a block outlives its thread and is
// taken over by the next one, so counts are kept. Bounds: one block of kSlotCount words for each thread alive at once.
// Gauges add up over threads: one thread may raise what another lowers.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/names.hpp"

namespace gatecast::metrics {

namespace detail {

struct alignas(64) Slots {
  std::array<std::atomic<std::uint64_t>, kSlotCount> values{};
};

inline thread_local constinit Slots* here_ = nullptr;
Slots& enrol();
inline Slots& here() { return here_ != nullptr ? *here_ : enrol(); }

inline void bump(std::size_t slot, std::uint64_t by) {
  auto& value = here().values[slot];
  value.store(value.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

/// A metric's name as a template argument.
template <std::size_t N>
struct Name {
  char text[N]{};
  consteval Name(const char (&from)[N]) {
    for (std::size_t i = 0; i < N; ++i) text[i] = from[i];
  }
  constexpr std::string_view view() const { return {text, N - 1}; }
};

consteval std::size_t find(std::string_view name) {
  for (std::size_t i = 0; i < kFamilyCount; ++i) {
    if (kFamilies[i].name == name) return i;
  }
  return kFamilyCount;
}

template <std::size_t Index, Type Wanted, class... Labels>
constexpr std::size_t slot(Labels... labels) {
  static_assert(Index < kFamilyCount, "no such metric: metrics/names.hpp lists them");
  static_assert(kFamilies[Index].type == Wanted, "the metric is of another type");
  constexpr std::array<Domain, sizeof...(Labels) + 2> given{kDomainOf<Labels>..., Domain::none, Domain::none};
  static_assert(sizeof...(Labels) <= 2 && given[0] == kFamilies[Index].first && given[1] == kFamilies[Index].second,
                "the metric has other labels");
  constexpr std::size_t sizes[] = {size_of(kFamilies[Index].first), size_of(kFamilies[Index].second)};
  std::size_t index = 0;
  std::size_t at = 0;
  ((index = index * sizes[at++] + label_index(labels)), ...);
  return kBases[Index] + index * width_of(kFamilies[Index]);
}

void observe(std::size_t base, std::size_t buckets, const double* bounds, double value);

}  // namespace detail

/// Adds to a counter.
template <detail::Name Metric, class... Labels>
void add(std::uint64_t by, Labels... labels) {
  detail::bump(detail::slot<detail::find(Metric.view()), Type::counter>(labels...), by);
}
/// Adds one to a counter.
template <detail::Name Metric, class... Labels>
void count(Labels... labels) {
  add<Metric>(1, labels...);
}
/// Moves a gauge up or down.
template <detail::Name Metric, class... Labels>
void gauge_add(std::int64_t by, Labels... labels) {
  detail::bump(detail::slot<detail::find(Metric.view()), Type::gauge>(labels...), static_cast<std::uint64_t>(by));
}
/// Sets this thread's part of a gauge.
template <detail::Name Metric, class... Labels>
void gauge_set(std::int64_t to, Labels... labels) {
  auto slot = detail::slot<detail::find(Metric.view()), Type::gauge>(labels...);
  detail::here().values[slot].store(static_cast<std::uint64_t>(to), std::memory_order_relaxed);
}
/// Puts a value (seconds, or a size) into a histogram.
template <detail::Name Metric>
void observe(double value) {
  constexpr auto index = detail::find(Metric.view());
  constexpr auto base = detail::slot<index, Type::histogram>();
  if constexpr (kFamilies[index].buckets == Buckets::seconds) {
    detail::observe(base, kSecondsBounds.size(), kSecondsBounds.data(), value);
  } else {
    detail::observe(base, kSizesBounds.size(), kSizesBounds.data(), value);
  }
}

/// One series as read: its labels' values ("" where there is none), and its value.
struct Sample {
  std::string_view first;
  std::string_view second;
  double value = 0;                      // a counter's or gauge's value; a histogram's sum
  std::vector<std::uint64_t> buckets{};  // a histogram's counts, each bucket alone, the last for infinity
};

/// The sum of all series of a metric over all threads (a histogram: number of observations); 0 for an unknown name.
double total(std::string_view name);
/// The series of a metric that are not zero (the one of a metric without labels always).
std::vector<Sample> samples(std::string_view name);
/// Prometheus text, version 0.0.4.
std::string exposition();
/// docs/metrics.md: the table of names, types, labels and meanings.
std::string reference();

}  // namespace gatecast::metrics
