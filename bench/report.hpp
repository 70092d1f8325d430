// What a benchmark found: a table for people, then one line of JSON per scenario, and the verdict of --check.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace gatecast::bench {

struct Finding {
  std::string scenario;
  double figure = 0;
  std::string unit;
  std::optional<double> floor{};  // the same figure of the bare floor, same run
  double limit = 0;               // on figure ÷ floor where there is a floor, else on the figure; 0: only reported
  std::string notes{};            // beside it: system calls, instructions, what is reported apart

  std::optional<double> ratio() const;
  bool within() const;
};

/// --check: the exit code tells. --smoke: a hundredth of the work, which only shows that everything still runs.
class Report {
 public:
  Report(std::string bench, int argc, char** argv);
  bool smoke() const { return smoke_; }
  void add(Finding finding);
  /// Prints all; gives the exit code: 1 with --check where a finding is over its limit, else 0.
  int finish() const;

 private:
  std::string bench_;
  bool check_ = false;
  bool smoke_ = false;
  std::vector<Finding> findings_;
};

}  // namespace gatecast::bench
