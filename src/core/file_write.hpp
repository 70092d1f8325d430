// Files that are there whole or not at all: written under another name, flushed, then given theirs.
//
// Place: under what keeps keys, backups and histories. Threads: any, no state; blocking, so start-up, stop or a thread
// of its own. Every file is for this user alone (0600). Errors: store_failed with the path and the system's word;
// store_conflict where a name must be free and is not. What failed leaves nothing behind but what was there before.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace gatecast {

/// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();
  bool open() const { return fd_ >= 0; }
  int get() const { return fd_; }

 private:
  int fd_;
};

/// store_failed of what the system just refused (errno).
Error file_error(std::string_view doing, const std::string& path);
/// False: errno says why.
bool write_all(int fd, std::string_view bytes);
/// Flushes a file or a folder.
Result<void> flush_file(const std::string& path);
Result<void> flush_folder_of(const std::string& path);

/// Writes the parts one after another into the file, in place of one that is there. `draft`: the other name, beside it;
/// a file of that name that a process which died has left is removed.
Result<void> replace_file(const std::string& path, const std::string& draft, std::span<const std::string_view> parts);
/// The same, but the name must be free: of two that create it at once, one is refused.
Result<void> create_file(const std::string& path, const std::string& draft, std::span<const std::string_view> parts);

}  // namespace gatecast
