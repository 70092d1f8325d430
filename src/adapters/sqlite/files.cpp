#include "adapters/sqlite/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "core/file_write.hpp"

namespace gatecast::sqlite {

bool file_exists(const std::string& path) {
  struct stat found{};
  return lstat(path.c_str(), &found) == 0;
}

Result<void> remove_file(const std::string& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return file_error("remove", path);
}

Result<void> make_fresh_file(const std::string& path) {
  if (auto removed = remove_file(path); !removed) return removed;
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.get() < 0) return file_error("make", path);
  return {};
}

Result<void> copy_file(const std::string& from, const std::string& to) {
  const Descriptor in(open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (in.get() < 0) return file_error("open", from);
  struct stat found{};
  if (fstat(in.get(), &found) != 0) return file_error("open", from);
  if (!S_ISREG(found.st_mode)) return fail(Errc::store_failed, fmt::format("{} is no file", from));
  if (auto made = make_fresh_file(to); !made) return made;
  const Descriptor out(open(to.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  if (out.get() < 0) return file_error("open", to);
  std::array<char, 65536> block;
  for (;;) {
    const ssize_t got = read(in.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error("read", from);
    if (got == 0) return {};
    if (!write_all(out.get(), {block.data(), static_cast<std::size_t>(got)})) return file_error("write", to);
  }
}

Result<void> rename_to_free(const std::string& from, const std::string& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
  // Some file systems (NFS) know no such renaming, and know links instead.
  if (errno == EINVAL && link(from.c_str(), to.c_str()) == 0) {
    if (unlink(from.c_str()) != 0) return file_error("remove", from);
    return {};
  }
  if (errno == EEXIST) return fail(Errc::store_conflict, fmt::format("{} exists", to));
  return file_error("make", to);
}

Unfinished::~Unfinished() {
  if (!path_.empty()) unlink(path_.c_str());
}

}  // namespace gatecast::sqlite
