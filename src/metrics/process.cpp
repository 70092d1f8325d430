#include "metrics/process.hpp"

#include <dirent.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <sstream>
#include <vector>

namespace gatecast::metrics {
namespace {

/// A file of /proc, whose size is not known before it is read; what is longer than any of those is cut.
std::string read_text(const char* path) {
  std::string out;
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return out;
  out.resize(16 * 1024);
  out.resize(std::fread(out.data(), 1, out.size(), file));
  std::fclose(file);
  return out;
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find_first_of(" \n", at), text.size());
    if (end > at) out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

/// The line `name 123` of a text.
std::uint64_t line_number(std::string_view text, std::string_view name) {
  const auto at = text.find(name);
  return at == std::string_view::npos ? 0 : number(text.substr(at + name.size()));
}

/// Without the descriptor that looks.
std::uint64_t count_fds() {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  std::uint64_t count = 0;
  while (const dirent* entry = ::readdir(folder)) count += entry->d_name[0] != '.' ? 1 : 0;
  ::closedir(folder);
  return count == 0 ? 0 : count - 1;
}

}  // namespace

ProcessFacts process_facts() {
  ProcessFacts facts;
  // proc(5): the name is in parentheses and may hold anything; what follows it begins with field 3.
  const std::string stat = read_text("/proc/self/stat");
  const auto name_end = stat.rfind(')');
  const auto fields =
      words(name_end == std::string::npos ? std::string_view() : std::string_view(stat).substr(name_end + 1));
  const auto field = [&fields](std::size_t n) { return fields.size() > n - 3 ? number(fields[n - 3]) : 0; };
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  facts.cpu_seconds = static_cast<double>(field(14) + field(15)) / ticks;
  facts.threads = field(20);
  facts.virtual_bytes = field(23);
  facts.resident_bytes = field(24) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t booted = line_number(read_text("/proc/stat"), "btime ");
  if (booted != 0 && field(22) != 0)
    facts.started_at = static_cast<double>(booted) + static_cast<double>(field(22)) / ticks;
  facts.open_fds = count_fds();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) facts.max_fds = limit.rlim_cur;
  return facts;
}

std::string process_exposition(std::string_view version) {
  const ProcessFacts facts = process_facts();
  const std::array<double, kProcessFamilies.size()> values{facts.cpu_seconds,
                                                           facts.started_at,
                                                           static_cast<double>(facts.resident_bytes),
                                                           static_cast<double>(facts.virtual_bytes),
                                                           static_cast<double>(facts.open_fds),
                                                           static_cast<double>(facts.max_fds),
                                                           static_cast<double>(facts.threads),
                                                           1};
  std::vector<prometheus::MetricFamily> families;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto& [name, counter, help] = kProcessFamilies[i];
    if (values[i] == 0 && !counter) continue;
    prometheus::ClientMetric metric;
    (counter ? metric.counter.value : metric.gauge.value) = values[i];
    if (i + 1 == values.size()) metric.label.push_back({"version", std::string(version)});
    families.push_back({std::string(name),
                        std::string(help),
                        counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge,
                        {std::move(metric)}});
  }
  std::ostringstream text;
  prometheus::TextSerializer{}.Serialize(text, families);
  return std::move(text).str();
}

}  // namespace gatecast::metrics
