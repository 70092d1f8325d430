#include "metrics/registry.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <sstream>

#include "metrics/process.hpp"

namespace gatecast::metrics {
namespace {

/// All blocks ever made, and those whose thread has ended.
struct Blocks {
  std::mutex mutex{};
  std::vector<std::unique_ptr<detail::Slots>> all{};
  std::vector<detail::Slots*> free{};
};
Blocks& blocks() {
  // Never destroyed: threads may still count while the process ends.
  static Blocks& b = *new Blocks;
  return b;
}

/// Gives the thread's block to the next thread, with what is in it.
struct Leave {
  ~Leave() {
    auto* slots = std::exchange(detail::here_, nullptr);
    if (slots == nullptr) return;
    std::lock_guard lock(blocks().mutex);
    blocks().free.push_back(slots);
  }
};

std::uint64_t sum(std::size_t slot) {
  std::uint64_t total = 0;
  for (const auto& block : blocks().all) total += block->values[slot].load(std::memory_order_relaxed);
  return total;
}
/// A histogram's sum is a double in each block's word.
double sum_of_doubles(std::size_t slot) {
  double total = 0;
  for (const auto& block : blocks().all) {
    total += std::bit_cast<double>(block->values[slot].load(std::memory_order_relaxed));
  }
  return total;
}

std::size_t index_of(std::string_view name) {
  for (std::size_t i = 0; i < kFamilyCount; ++i) {
    if (kFamilies[i].name == name) return i;
  }
  return kFamilyCount;
}

Sample read(const Family& family, std::size_t base, std::size_t first, std::size_t second) {
  Sample sample{label_value(family.first, first), label_value(family.second, second)};
  std::size_t slot = base + (first * size_of(family.second) + second) * width_of(family);
  switch (family.type) {
    case Type::counter: sample.value = static_cast<double>(sum(slot)); break;
    case Type::gauge: sample.value = static_cast<double>(static_cast<std::int64_t>(sum(slot))); break;
    case Type::histogram:
      for (std::size_t i = 0; i < bucket_count(family.buckets); ++i) sample.buckets.push_back(sum(slot + i));
      sample.value = sum_of_doubles(slot + bucket_count(family.buckets));
      break;
  }
  return sample;
}

std::vector<Sample> read_family(std::size_t index) {
  const Family& family = kFamilies[index];
  std::vector<Sample> out;
  std::lock_guard lock(blocks().mutex);
  for (std::size_t first = 0; first < size_of(family.first); ++first) {
    for (std::size_t second = 0; second < size_of(family.second); ++second) {
      Sample sample = read(family, kBases[index], first, second);
      if (family.first == Domain::none || sample.value != 0) out.push_back(std::move(sample));
    }
  }
  return out;
}

std::span<const double> bounds_of(Buckets buckets) {
  if (buckets == Buckets::sizes) return kSizesBounds;
  return kSecondsBounds;
}

prometheus::ClientMetric to_prometheus(const Family& family, const Sample& sample) {
  prometheus::ClientMetric out;
  if (family.first != Domain::none) {
    out.label.push_back({std::string(label_name(family.first)), std::string(sample.first)});
  }
  if (family.second != Domain::none) {
    out.label.push_back({std::string(label_name(family.second)), std::string(sample.second)});
  }
  if (family.type == Type::counter) out.counter.value = sample.value;
  if (family.type == Type::gauge) out.gauge.value = sample.value;
  if (family.type == Type::histogram) {
    std::uint64_t below = 0;
    auto bounds = bounds_of(family.buckets);
    for (std::size_t i = 0; i < sample.buckets.size(); ++i) {
      below += sample.buckets[i];
      double bound = i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity();
      out.histogram.bucket.push_back({below, bound});
    }
    out.histogram.sample_count = below;
    out.histogram.sample_sum = sample.value;
  }
  return out;
}

std::string_view type_name(Type type) {
  switch (type) {
    case Type::counter: return "counter";
    case Type::gauge: return "gauge";
    case Type::histogram: return "histogram";
  }
  return "";
}

}  // namespace

detail::Slots& detail::enrol() {
  static thread_local Leave leave;
  static_cast<void>(leave);
  std::lock_guard lock(blocks().mutex);
  if (blocks().free.empty()) {
    blocks().all.push_back(std::make_unique<Slots>());
    here_ = blocks().all.back().get();
  } else {
    here_ = blocks().free.back();
    blocks().free.pop_back();
  }
  return *here_;
}

void detail::observe(std::size_t base, std::size_t buckets, const double* bounds, double value) {
  auto bucket = static_cast<std::size_t>(std::lower_bound(bounds, bounds + buckets, value) - bounds);
  bump(base + bucket, 1);
  auto& sum = here().values[base + buckets + 1];
  double total = std::bit_cast<double>(sum.load(std::memory_order_relaxed)) + value;
  sum.store(std::bit_cast<std::uint64_t>(total), std::memory_order_relaxed);
}

double total(std::string_view name) {
  std::size_t index = index_of(name);
  if (index == kFamilyCount) return 0;
  double out = 0;
  for (const Sample& sample : read_family(index)) {
    if (kFamilies[index].type != Type::histogram) out += sample.value;
    for (std::uint64_t n : sample.buckets) out += static_cast<double>(n);
  }
  return out;
}

std::vector<Sample> samples(std::string_view name) {
  std::size_t index = index_of(name);
  return index == kFamilyCount ? std::vector<Sample>{} : read_family(index);
}

std::string exposition() {
  std::vector<prometheus::MetricFamily> families;
  for (std::size_t i = 0; i < kFamilyCount; ++i) {
    const Family& family = kFamilies[i];
    prometheus::MetricFamily out{
        "gatecast_" + std::string(family.name), std::string(family.help), prometheus::MetricType::Counter, {}};
    if (family.type == Type::gauge) out.type = prometheus::MetricType::Gauge;
    if (family.type == Type::histogram) out.type = prometheus::MetricType::Histogram;
    for (const Sample& sample : read_family(i)) out.metric.push_back(to_prometheus(family, sample));
    families.push_back(std::move(out));
  }
  std::ostringstream text;
  prometheus::TextSerializer{}.Serialize(text, families);
  return std::move(text).str();
}

std::string reference() {
  std::string out =
      "# Metrics\n\n<!-- Generated from src/metrics/names.hpp. Do not edit. -->\n\n"
      "Served at `/metrics` on the operators' port. A labelled series appears with its first count; its labels take\n"
      "values of closed sets only: `code` those of [codes](codes.md), `route` the names of [routes](routes.md).\n\n"
      "| metric | type | labels | says |\n|---|---|---|---|\n";
  for (const Family& family : kFamilies) {
    std::string labels;
    for (Domain domain : {family.first, family.second}) {
      if (domain == Domain::none) continue;
      labels += fmt::format("{}`{}`", labels.empty() ? "" : ", ", label_name(domain));
    }
    out += fmt::format("| `gatecast_{}` | {} | {} | {} |\n", family.name, type_name(family.type), labels, family.help);
  }
  for (const ProcessFamily& family : kProcessFamilies) {
    const bool build = family.name == kProcessFamilies.back().name;
    out += fmt::format("| `{}` | {} | {} | {} |\n", family.name, family.counter ? "counter" : "gauge",
                       build ? "`version`" : "", family.help);
  }
  return out;
}

}  // namespace gatecast::metrics
