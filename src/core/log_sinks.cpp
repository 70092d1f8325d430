#include "core/log_sinks.hpp"

#include <fcntl.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "core/log_render.hpp"

namespace gatecast::log {
namespace {

spdlog::details::log_msg message(std::string_view line) {
  return {spdlog::source_loc{}, "", spdlog::level::info, spdlog::string_view_t{line.data(), line.size()}};
}

}  // namespace

struct DailyFile::Sink {
  explicit Sink(const std::string& path) : file(path) {}
  spdlog::sinks::basic_file_sink_st file;
};
struct Terminal::Sink {
  spdlog::sinks::stdout_sink_st out{};
};

DailyFile::DailyFile(std::string dir, unsigned retention_days)
    : dir_(std::move(dir)), retention_days_(retention_days) {}
DailyFile::~DailyFile() = default;

bool DailyFile::open(std::int64_t wall_ms, std::string& problem) {
  sink_.reset();
  date_ = utc_date(wall_ms);
  std::error_code ec;
  std::filesystem::create_directories(dir_, ec);
  std::string path = fmt::format("{}/ws-{}.log", dir_, date_);
  // Made here, because spdlog's fopen would leave the mode to the umask.
  int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) {
    problem = fmt::format("{}: {}", path, std::strerror(errno));
    return false;
  }
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
  try {
    sink_->file.log(message(line));
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

/// Only names of exactly our form are touched: the folder may hold other files.
void DailyFile::remove_old(std::int64_t wall_ms) const {
  std::string oldest = fmt::format("ws-{}.log", utc_date(wall_ms - std::int64_t{retention_days_} * 86'400'000));
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(dir_, ec)) {
    std::string name = entry.path().filename().string();
    bool ours = name.size() == oldest.size() && name.starts_with("ws-") && name.ends_with(".log") &&
                name.find_first_not_of("0123456789-", 3) == name.size() - 4;
    if (ours && name < oldest) std::filesystem::remove(entry.path(), ec);
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
