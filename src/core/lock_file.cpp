#include "core/lock_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace gatecast {
namespace {

Error system_error(std::string_view doing, const std::string& path) {
  return fail(Errc::store_failed, fmt::format("{} {}: {}", doing, path, std::strerror(errno)));
}

/// The process id the holder wrote; it may be missing for a moment between its lock and its write.
std::string holder_of(int fd) {
  char text[24];
  const ssize_t got = pread(fd, text, sizeof text, 0);
  std::string_view digits(text, got > 0 ? static_cast<std::size_t>(got) : 0);
  digits = digits.substr(0, digits.find_first_not_of("0123456789"));
  return digits.empty() ? "another process" : fmt::format("process {}", digits);
}

}  // namespace

Result<void> make_private_folder(const std::string& folder) {
  for (std::size_t end = folder.find('/', 1); !folder.empty(); end = folder.find('/', end + 1)) {
    const std::string part = folder.substr(0, end);
    if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      // A parent that may not be written to may still exist: only its absence is a failure.
      const int why = errno;
      struct stat found{};
      if (stat(part.c_str(), &found) != 0) {
        errno = why;
        return system_error("cannot make folder", part);
      }
    }
    if (end == std::string::npos) break;
  }
  struct stat found{};
  if (!folder.empty() && stat(folder.c_str(), &found) == 0 && !S_ISDIR(found.st_mode)) {
    return fail(Errc::store_failed, fmt::format("{} is not a folder", folder));
  }
  return {};
}

std::optional<std::string> lock_holder(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return std::nullopt;
  std::optional<std::string> holder;
  if (flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) holder = holder_of(fd);
  close(fd);
  return holder;
}

Result<LockFile> LockFile::take(const std::string& path) {
  if (const auto slash = path.rfind('/'); slash != std::string::npos && slash > 0) {
    if (auto made = make_private_folder(path.substr(0, slash)); !made) return made.error();
  }
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return system_error("cannot open", path);
  LockFile lock(fd);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_error("cannot lock", path);
    return fail(Errc::data_locked, fmt::format("{} is held by {}", path, holder_of(fd)));
  }
  const std::string pid = fmt::format("{}\n", getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return system_error("cannot write", path);
  }
  return lock;
}

LockFile::LockFile(LockFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

LockFile& LockFile::operator=(LockFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

LockFile::~LockFile() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace gatecast
