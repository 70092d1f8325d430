// The data folder and the lock that makes one server its only user.
//
// Place: taken at start-up before the store is opened, held until the process ends. Threads: any, no shared state.
// Lifetime: the lock goes with the object, and with the process however it ends (flock), so a crash leaves nothing to
// clean up; the file itself stays, because removing it would let two servers lock two files of one name.
// Errors: data_locked with the holder's process id in the detail; store_failed where the folder or file cannot be made.
#pragma once

#include <optional>
#include <string>

#include "core/result.hpp"

namespace gatecast {

/// Makes `folder` (and what is missing above it) for this user alone: mode 0700. One that exists is left as it is.
Result<void> make_private_folder(const std::string& folder);

/// Who holds the lock, as a text for people; nothing where nobody does. A start of a server at this very instant may be
/// refused by it, so it is for a person who asks.
std::optional<std::string> lock_holder(const std::string& path);

class LockFile {
 public:
  /// Locks `path` (data/lock), making it and its folder where missing, and writes the process id into it.
  static Result<LockFile> take(const std::string& path);

  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&& other) noexcept;
  ~LockFile();

 private:
  explicit LockFile(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace gatecast
