#include "core/log_sinks.hpp"

#include <fcntl.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "core/log_render.hpp"

namespace gatecast::log {
namespace {

spdlog::details::log_msg message(std::string_view line) {
  return {spdlog::source_loc{}, "", spdlog::level::info, spdlog::string_view_t{line.data(), line.size()}};
}

/// The date in `ws-2026-01-31.log` or `ws-2026-01-31.12.log`; empty for any other name.
std::string_view date_in(std::string_view name) {
  constexpr std::size_t kDate = 10;
  if (!name.starts_with("ws-") || !name.ends_with(".log") || name.size() < 3 + kDate + 4) return {};
  const auto date = name.substr(3, kDate);
  if (date.find_first_not_of("0123456789-") != std::string_view::npos) return {};
  const auto number = name.substr(3 + kDate, name.size() - 3 - kDate - 4);
  if (number.empty()) return date;
  const bool digits = number.size() > 1 && number.find_first_not_of("0123456789", 1) == std::string_view::npos;
  return number.front() == '.' && digits ? date : std::string_view{};
}

}  // namespace

struct DailyFile::Sink {
  explicit Sink(const std::string& path) : file(path) {}
  spdlog::sinks::basic_file_sink_st file;
};
struct Terminal::Sink {
  spdlog::sinks::stdout_sink_st out{};
};

DailyFile::DailyFile(std::string dir, unsigned retention_days, std::uint64_t file_bytes)
    : dir_(std::move(dir)), retention_days_(retention_days), file_bytes_(file_bytes), allowed_(file_bytes) {}
DailyFile::~DailyFile() = default;

std::string DailyFile::path() const { return fmt::format("{}/ws-{}.log", dir_, date_); }

bool DailyFile::open(std::int64_t wall_ms, std::string& problem) {
  sink_.reset();
  date_ = utc_date(wall_ms);
  std::error_code ec;
  std::filesystem::create_directories(dir_, ec);
  const std::string path = this->path();
  // Made here, because spdlog's fopen would leave the mode to the umask.
  int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) {
    problem = fmt::format("{}: {}", path, std::strerror(errno));
    return false;
  }
  struct stat status{};
  bytes_ = ::fstat(fd, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
  allowed_ = file_bytes_;
  ::close(fd);
  try {
    sink_ = std::make_unique<Sink>(path);
    sink_->file.set_pattern("%v");
  } catch (const std::exception& e) {
    sink_.reset();
    problem = e.what();
    return false;
  }
  remove_old(wall_ms);
  return true;
}

bool DailyFile::write(std::int64_t wall_ms, std::string_view line) {
  std::string problem;
  if ((sink_ == nullptr || utc_date(wall_ms) != date_) && !open(wall_ms, problem)) return false;
  if (full()) {
    set_aside();
    if (sink_ == nullptr && !open(wall_ms, problem)) return false;
  }
  try {
    sink_->file.log(message(line));
    bytes_ += line.size() + 1;
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

bool DailyFile::flush() {
  try {
    if (sink_) sink_->file.flush();
    return true;
  } catch (const std::exception&) {
    // Opened again with the next line: a folder that was moved away is made anew.
    sink_.reset();
    return false;
  }
}

/// The full file gets the next free number; where the folder refuses that, it grows on.
void DailyFile::set_aside() {
  flush();
  std::error_code ec;
  for (unsigned n = 1;; ++n) {
    const std::string aside = fmt::format("{}/ws-{}.{}.log", dir_, date_, n);
    if (std::filesystem::exists(aside, ec)) continue;
    std::filesystem::rename(path(), aside, ec);
    break;
  }
  if (ec) {
    allowed_ = bytes_ + file_bytes_;
  } else {
    sink_.reset();
  }
}

/// Only names of exactly our form are touched: the folder may hold other files.
void DailyFile::remove_old(std::int64_t wall_ms) const {
  const std::string oldest = utc_date(wall_ms - std::int64_t{retention_days_} * 86'400'000);
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(dir_, ec)) {
    const std::string name = entry.path().filename().string();
    const auto date = date_in(name);
    if (!date.empty() && date < oldest) std::filesystem::remove(entry.path(), ec);
  }
}

Terminal::Terminal() : sink_(std::make_unique<Sink>()) { sink_->out.set_pattern("%v"); }
Terminal::~Terminal() = default;

void Terminal::write(std::string_view line) {
  try {
    if (sink_) sink_->out.log(message(line));
  } catch (const std::exception&) {
    sink_.reset();
  }
}

void Terminal::flush() {
  try {
    if (sink_) sink_->out.flush();
  } catch (const std::exception&) {
    sink_.reset();
  }
}

}  // namespace gatecast::log
