#include "bench/report.hpp"

#include "bench/process.hpp"

namespace gatecast::bench {

std::optional<double> Finding::ratio() const {
  if (!floor || *floor <= 0) return std::nullopt;
  return figure / *floor;
}

bool Finding::within() const { return limit == 0 || ratio().value_or(figure) <= limit; }

Report::Report(std::string bench, int argc, char** argv) : bench_(std::move(bench)) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option != "--check" && option != "--smoke") die(fmt::format("bench_{} [--check] [--smoke]", bench_));
    (option == "--check" ? check_ : smoke_) = true;
  }
}

void Report::add(Finding finding) {
  fmt::print(stderr, "  {}: {:.4g} {}\n", finding.scenario, finding.figure, finding.unit);
  findings_.push_back(std::move(finding));
}

int Report::finish() const {
  fmt::print("{:<34} {:>12} {:<12} {:>10} {:>7} {:>7}  {}\n", bench_, "figure", "unit", "floor", "ratio", "limit", "");
  bool all_within = true;
  for (const Finding& f : findings_) {
    all_within = all_within && f.within();
    fmt::print("{:<34} {:>12.4g} {:<12} {:>10} {:>7} {:>7}  {}\n", f.scenario, f.figure, f.unit,
               f.floor ? fmt::format("{:.4g}", *f.floor) : "-", f.ratio() ? fmt::format("{:.3f}", *f.ratio()) : "-",
               f.limit == 0 ? "-" : fmt::format("{:.4g}", f.limit),
               f.limit == 0 ? ""
               : f.within() ? "within"
                            : "OVER");
    if (!f.notes.empty()) fmt::print("    {}\n", f.notes);
  }
  for (const Finding& f : findings_) {
    const auto number = [](const std::optional<double>& n) {
      return n ? fmt::format("{:.6g}", *n) : std::string("null");
    };
    fmt::print(R"({{"bench":"{}","scenario":"{}","figure":{:.6g},"unit":"{}","floor":{},"ratio":{}}})"
               "\n",
               bench_, f.scenario, f.figure, f.unit, number(f.floor), number(f.ratio()));
  }
  return check_ && !all_within ? 1 : 0;
}

}  // namespace gatecast::bench
