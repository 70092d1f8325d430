// Where log lines end: the daily files, and standard output. spdlog's sinks stay behind this header.
//
// Threads: the log's writer thread only. Errors: as `false`; nothing throws. Files have mode 0600 and are named by the
// UTC date of the line; those older than the retention are removed when a new one is opened.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace gatecast::log {

class DailyFile {
 public:
  DailyFile(std::string dir, unsigned retention_days);
  ~DailyFile();
  /// Opens the file of that day, making the folder where it is missing.
  bool open(std::int64_t wall_ms, std::string& problem);
  /// Writes one line to the file of its day; false where the disk refuses.
  bool write(std::int64_t wall_ms, std::string_view line);
  bool flush();

 private:
  struct Sink;
  void remove_old(std::int64_t wall_ms) const;
  std::string dir_;
  unsigned retention_days_;
  std::string date_{};
  std::unique_ptr<Sink> sink_;
};

class Terminal {
 public:
  Terminal();
  ~Terminal();
  /// A closed pipe takes nothing more; later lines are then ignored.
  void write(std::string_view line);
  void flush();

 private:
  struct Sink;
  std::unique_ptr<Sink> sink_;
};

}  // namespace gatecast::log
