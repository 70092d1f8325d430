#include "core/file_write.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace gatecast {
namespace {

constexpr std::size_t kChunk = 1u << 20;

/// Makes and flushes the draft. O_EXCL after the removal: nobody's link is written through.
Result<void> write_draft(const std::string& draft, std::span<const std::string_view> parts) {
  if (::unlink(draft.c_str()) != 0 && errno != ENOENT) return file_error("remove", draft);
  const Descriptor file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.open() || ::fchmod(file.get(), 0600) != 0) return file_error("make", draft);
  for (const auto part : parts) {
    if (!write_all(file.get(), part)) return file_error("write", draft);
  }
  return ::fsync(file.get()) == 0 ? Result<void>{} : file_error("flush", draft);
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Error file_error(std::string_view doing, const std::string& path) {
  return fail(Errc::store_failed,
              fmt::format("cannot {} {}: {}", doing, path, std::error_code(errno, std::generic_category()).message()));
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd, bytes.data(), std::min(bytes.size(), kChunk));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  return true;
}

Result<void> flush_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open() || ::fsync(file.get()) != 0) return file_error("flush", path);
  return {};
}

Result<void> flush_folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return flush_file(".");
  return flush_file(slash == 0 ? "/" : path.substr(0, slash));
}

Result<void> replace_file(const std::string& path, const std::string& draft, std::span<const std::string_view> parts) {
  Result<void> written = write_draft(draft, parts);
  if (written && ::rename(draft.c_str(), path.c_str()) != 0) written = file_error("make", path);
  if (!written) {
    ::unlink(draft.c_str());
    return written;
  }
  return flush_folder_of(path);
}

Result<void> create_file(const std::string& path, const std::string& draft, std::span<const std::string_view> parts) {
  Result<void> written = write_draft(draft, parts);
  // A link, unlike a rename, fails where the name is taken.
  if (written && ::link(draft.c_str(), path.c_str()) != 0) {
    written = errno == EEXIST ? fail(Errc::store_conflict, fmt::format("{} exists", path)) : file_error("make", path);
  }
  ::unlink(draft.c_str());
  if (!written) return written;
  return flush_folder_of(path);
}

}  // namespace gatecast
