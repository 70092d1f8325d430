#include "core/log.hpp"

#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <ctime>

#include "core/log_bursts.hpp"
#include "core/log_render.hpp"
#include "core/log_sinks.hpp"
#include "core/log_tail.hpp"

namespace gatecast::log {
namespace {

/// Bounds of the queue; a line more than either is dropped and counted.
constexpr std::chrono::milliseconds kGather{20};
constexpr std::size_t kMaxQueuedLines = 16384;
constexpr std::size_t kMaxQueuedBytes = 8 * 1024 * 1024;
/// So long after a flood the log says at the latest how much of it was left out.
constexpr std::chrono::seconds kTellLeftOut{1};

/// One rendered event; the texts are empty where the JSON form goes there.
struct Line {
  std::int64_t wall_ms;
  std::string json;
  std::string file_text;
  std::string terminal_text;

  std::size_t bytes() const { return json.size() + file_text.size() + terminal_text.size(); }
};

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

long local_zone(std::int64_t wall_ms) {
  std::time_t seconds = static_cast<std::time_t>(wall_ms / 1000);
  std::tm tm{};
  return localtime_r(&seconds, &tm) != nullptr ? tm.tm_gmtoff : 0;
}

/// Over all logs that were open.
std::atomic<std::uint64_t> suppressed_lines{0};
std::array<std::atomic<std::uint64_t>, 4> lines_of_level{};

/// The open log: a bounded queue, and the one thread that empties it.
class Writer {
 public:
  explicit Writer(const Options& options)
      : options_(options), tty_(::isatty(STDOUT_FILENO) == 1), bursts_(options.burst) {
    if (options_.terminal) terminal_ = std::make_unique<Terminal>();
    if (!options_.dir.empty()) {
      file_ = std::make_unique<DailyFile>(options_.dir, options_.retention_days, options_.file_bytes);
    }
  }
  bool open(std::string& problem) {
    if (file_ && !file_->open(now_ms(), problem)) return false;
    thread_ = std::thread([this] { run(); });
    return true;
  }

  /// False where the log was closed just now.
  bool push(Level level, std::string_view event, std::initializer_list<Field> fields) {
    const auto wall = now_ms();
    // What fails here is never left out.
    if (level < Level::error && !bursts_.admit(event, wall / 1000)) {
      suppressed_lines.fetch_add(1, std::memory_order_relaxed);
      return true;
    }
    Line line = render(wall, level, event, fields);
    const std::size_t bytes = line.bytes();
    std::lock_guard lock(mutex_);
    if (stopping_) return false;
    if (queue_.size() >= kMaxQueuedLines || queued_bytes_ + bytes > kMaxQueuedBytes) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return true;
    }
    queued_bytes_ += bytes;
    queue_.push_back(std::move(line));
    if (queue_.size() == 1) arrived_.notify_one();
    return true;
  }

  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    arrived_.notify_one();
    // The writer itself can only get here by crashing: what is queued is then lost.
    if (thread_.joinable() && thread_.get_id() != std::this_thread::get_id()) thread_.join();
  }
  Level level() const { return options_.level; }
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  Line render(std::int64_t wall, Level level, std::string_view event, std::initializer_list<Field> fields) const {
    Line line{wall, render_json(wall, level, event, fields), {}, {}};
    if (file_ != nullptr && !options_.json) line.file_text = render_text(wall, 0, level, event, fields);
    if (options_.terminal && tty_) line.terminal_text = render_text(wall, local_zone(wall), level, event, fields);
    return line;
  }
  /// Until there are lines, or those left out are to be told of: that is within a second of one that was not.
  void wait(std::unique_lock<std::mutex>& lock) {
    const auto due = [this] { return stopping_ || !queue_.empty(); };
    if (lately_ || bursts_.pending()) {
      arrived_.wait_for(lock, kTellLeftOut, due);
    } else {
      arrived_.wait(lock, due);
    }
    lately_ = !queue_.empty();
  }
  void run() {
    std::vector<Line> batch;
    for (bool more = true; more;) {
      {
        std::unique_lock lock(mutex_);
        wait(lock);
        // What comes in a burst is written after it, not beside the work that it tells of.
        arrived_.wait_for(lock, kGather, [this] { return stopping_ || queue_.size() >= kMaxQueuedLines / 2; });
        batch.swap(queue_);
        queued_bytes_ = 0;
        more = !stopping_;
      }
      for (Line& line : batch) put(std::move(line));
      if (file_ && !file_->flush()) dropped_.fetch_add(batch.size(), std::memory_order_relaxed);
      batch.clear();
      say_left_out(more);
      say_dropped();
      if (terminal_) terminal_->flush();
    }
  }
  void put(Line line) {
    if (file_ && !file_->write(line.wall_ms, line.file_text.empty() ? line.json : line.file_text)) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
    }
    if (terminal_) terminal_->write(line.terminal_text.empty() ? line.json : line.terminal_text);
    tail_push(std::move(line.json));
  }
  /// A flood is told of by one line an event and second; the last words tell of all.
  void say_left_out(bool more) {
    if (!bursts_.pending()) return;
    const std::int64_t wall = now_ms();
    bursts_.take(more ? wall / 1000 : -1, [this, wall](std::string_view event, std::uint64_t lines) {
      put(render(wall, Level::warn, "suppressed", {{"of", event}, {"lines", lines}}));
    });
    if (file_) file_->flush();
  }
  /// A gap in the log says how wide it is.
  void say_dropped() {
    std::uint64_t now = dropped();
    if (now == said_) return;
    std::uint64_t lines = now - std::exchange(said_, now);
    std::uint64_t before = dropped();
    put(render(now_ms(), Level::warn, "log_dropped", {{"lines", lines}}));
    if (file_) file_->flush();
    // This line may itself be refused by a full disk; saying so again at once would never end.
    said_ += dropped() - before;
  }

  const Options options_;
  const bool tty_;
  Bursts bursts_;
  std::unique_ptr<DailyFile> file_{};
  std::unique_ptr<Terminal> terminal_{};
  std::mutex mutex_{};
  std::condition_variable arrived_{};
  std::vector<Line> queue_{};
  std::size_t queued_bytes_ = 0;
  bool stopping_ = false;
  bool lately_ = false;  // there were lines within the last second
  std::uint64_t said_ = 0;
  std::atomic<std::uint64_t> dropped_{0};
  std::thread thread_{};
};

/// Shared, so that a thread that is just writing keeps the log it took while another closes it.
struct State {
  std::mutex mutex{};
  std::shared_ptr<Writer> writer{};
  std::atomic<Level> level{Level::info};
  std::atomic<std::uint64_t> dropped_before{0};
};
State& state() {
  // Never destroyed: threads may still log while the process ends.
  static State& s = *new State;
  return s;
}
std::shared_ptr<Writer> current() {
  std::lock_guard lock(state().mutex);
  return state().writer;
}

/// Puts another writer, or none, in place; the former one writes out what it still holds.
void exchange_writer(std::shared_ptr<Writer> writer) {
  std::uint64_t counted = 0;
  {
    std::lock_guard lock(state().mutex);
    state().writer.swap(writer);
    if (!writer) return;
    // The sum of dropped lines never falls.
    counted = writer->dropped();
    state().dropped_before += counted;
  }
  writer->stop();
  state().dropped_before += writer->dropped() - counted;
}

}  // namespace

bool enabled(Level level) { return level >= state().level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (!enabled(level)) return;
  lines_of_level[static_cast<std::size_t>(level)].fetch_add(1, std::memory_order_relaxed);
  // Where another log took its place meanwhile, the line goes there.
  for (auto writer = current(); writer != nullptr; writer = current()) {
    if (writer->push(level, event, fields)) return;
    if (writer == current()) break;
  }
  std::int64_t wall = now_ms();
  std::string line = render_text(wall, local_zone(wall), level, event, fields);
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

bool open_log(const Options& options, std::string& problem) {
  auto writer = std::make_shared<Writer>(options);
  if (!writer->open(problem)) return false;
  state().level = options.level;
  exchange_writer(std::move(writer));
  return true;
}

void close_log() { exchange_writer(nullptr); }

Counts counts() {
  Counts out;
  for (const auto& lines : lines_of_level) out.lines += lines.load(std::memory_order_relaxed);
  out.warnings = lines_of_level[static_cast<std::size_t>(Level::warn)].load(std::memory_order_relaxed);
  out.errors = lines_of_level[static_cast<std::size_t>(Level::error)].load(std::memory_order_relaxed);
  out.suppressed = suppressed_lines.load(std::memory_order_relaxed);
  return out;
}

std::uint64_t dropped_lines() {
  std::lock_guard lock(state().mutex);
  return state().dropped_before + (state().writer ? state().writer->dropped() : 0);
}

}  // namespace gatecast::log
