// Where log lines end: the daily files, and standard output. spdlog's sinks stay behind this header.
//
// Threads: the log's writer thread only. Errors: as `false`; nothing throws. Files have mode 0600 and are named by the
// UTC date of the line; those older than the retention are removed when a new one is opened. `ws-DATE.log` is always
// the one that is written to: full, it becomes `ws-DATE.1.log`, the next one `ws-DATE.2.log` and so on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace gatecast::log {

class DailyFile {
 public:
  /// `file_bytes` 0: of any size.
  DailyFile(std::string dir, unsigned retention_days, std::uint64_t file_bytes = 0);
  ~DailyFile();
  /// Opens the file of that day, making the folder where it is missing.
  bool open(std::int64_t wall_ms, std::string& problem);
  /// Writes one line to the file of its day; false where the disk refuses.
  bool write(std::int64_t wall_ms, std::string_view line);
  bool flush();

 private:
  struct Sink;
  std::string path() const;
  bool full() const { return file_bytes_ != 0 && bytes_ >= allowed_; }
  void set_aside();
  void remove_old(std::int64_t wall_ms) const;
  std::string dir_;
  unsigned retention_days_;
  std::uint64_t file_bytes_;
  std::uint64_t bytes_ = 0;    // in the open file
  std::uint64_t allowed_ = 0;  // file_bytes_, more where a full file could not be set aside
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
