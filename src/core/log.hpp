// The log: one event, some fields, no secrets.
//
// Lines are JSON (`time`, `level`, `event`, then the fields in the order given) or readable text on a terminal; which,
// and where to, is decided by `open_log`. Threads: any; a full queue drops lines and counts them,
// it never blocks a shard. Events and field names come from one list (docs/logging.md, which a test compares). Values
// are escaped here; a Secret prints `***`; user input is cut to 256 bytes and control characters are escaped.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace gatecast::log {

enum class Level : std::uint8_t { debug, info, warn, error };

struct Field {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;
  std::string_view name;
  Value value;

  Field(std::string_view n, std::string_view v) : name(n), value(v) {}
  Field(std::string_view n, const char* v) : name(n), value(std::string_view(v)) {}
  Field(std::string_view n, const std::string& v) : name(n), value(std::string_view(v)) {}
  Field(std::string_view n, bool v) : name(n), value(v) {}
  Field(std::string_view n, double v) : name(n), value(v) {}
  template <std::signed_integral T>
  Field(std::string_view n, T v) : name(n), value(static_cast<std::int64_t>(v)) {}
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  Field(std::string_view n, T v) : name(n), value(static_cast<std::uint64_t>(v)) {}
};

/// Whether lines of that level are written: asked before dear fields are made.
bool enabled(Level level);
void write(Level level, std::string_view event, std::initializer_list<Field> fields = {});
inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::debug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::info, event, fields);
}
inline void warn(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::warn, event, fields);
}
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::error, event, fields);
}

struct Options {
  std::string dir{};  // daily files ws-YYYY-MM-DD.log; empty: none
  bool json = true;   // form of the files
  Level level = Level::info;
  unsigned retention_days = 14;
  std::uint64_t file_bytes = 0;  // a day's file of that size is continued in another; 0: never
  std::uint32_t burst = 0;       // lines a second of one event, but for errors; 0: no limit
  bool terminal = true;          // readable lines (or JSON where stdout is no terminal) on stdout
};

/// Opens the log, or another in its place: files are opened anew. Until the first, lines go to stderr as text.
/// Returns false and says why in `problem` where the folder cannot be written; what was open then stays.
bool open_log(const Options& options, std::string& problem);
/// Writes out what is queued and closes; also called by a crash handler's last words.
void close_log();
/// Lines dropped because the queue was full.
std::uint64_t dropped_lines();
/// Lines since the program began: those given in, suppressed ones included, and among them by level.
struct Counts {
  std::uint64_t lines = 0;
  std::uint64_t warnings = 0;
  std::uint64_t errors = 0;
  std::uint64_t suppressed = 0;  // left out of a flood, and told of by a number
};
Counts counts();
/// One line in its JSON form, as the files have it (for tests).
std::string render_json(std::int64_t wall_ms, Level level, std::string_view event, std::initializer_list<Field> fields);

}  // namespace gatecast::log
