// Two costs compared in one run: measured in turns, so that what drifts drifts for both.
#pragma once

#include <functional>
#include <vector>

#include "bench/process.hpp"

namespace gatecast::bench {

double median(std::vector<double> values);

/// Measures one slice: CPU time of a unit of work, in microseconds.
using Slice = std::function<double()>;

struct Compared {
  double cost = 0;   // median of ours
  double ratio = 0;  // median of ours by the mean of the other's slices before and after it
  double floor() const { return cost / ratio; }
};
/// The other first and last.
Compared compare(const Slice& ours, const Slice& other, std::size_t slices);

/// CPU time that `process` uses while `work` runs, a unit of `units`, in microseconds.
double cpu_of(const Process& process, std::uint64_t units, const std::function<void()>& work);

/// Returns when `process` has been idle for a moment: what earlier work left behind must not count as that of a slice.
void settle(const Process& process);

}  // namespace gatecast::bench
