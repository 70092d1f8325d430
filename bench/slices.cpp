#include "bench/slices.hpp"

#include <unistd.h>

#include <algorithm>

namespace gatecast::bench {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Compared compare(const Slice& ours, const Slice& other, std::size_t slices) {
  std::vector<double> costs;
  std::vector<double> ratios;
  double before = other();
  for (std::size_t i = 0; i < slices; ++i) {
    costs.push_back(ours());
    const double after = other();
    ratios.push_back(costs.back() * 2 / (before + after));
    before = after;
  }
  return {median(costs), median(ratios)};
}

double cpu_of(const Process& process, std::uint64_t units, const std::function<void()>& work) {
  const auto before = process.cpu();
  work();
  return std::chrono::duration<double, std::micro>(process.cpu() - before).count() / static_cast<double>(units);
}

void settle(const Process& process) {
  constexpr std::chrono::microseconds kIdle{300};
  constexpr int kTimes = 3;
  int idle = 0;
  for (int i = 0; i < 1000 && idle < kTimes; ++i) {
    const auto before = process.cpu();
    usleep(10'000);
    idle = process.cpu() - before < kIdle ? idle + 1 : 0;
  }
}

}  // namespace gatecast::bench
