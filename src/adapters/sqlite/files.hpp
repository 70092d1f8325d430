// Files put in place whole: made for this user alone, flushed, named last.
//
// Place: under backup and restore, over core/file_write.hpp. Threads: any, no state. Errors: store_failed with the path
// and the system's word; store_conflict where a name is taken.
#pragma once

#include <string>

#include "core/result.hpp"

namespace gatecast::sqlite {

bool file_exists(const std::string& path);
/// Removes a file where there is one.
Result<void> remove_file(const std::string& path);
/// Makes an empty file (0600) in place of one that a process which died may have left.
Result<void> make_fresh_file(const std::string& path);
/// Copies `from` into a fresh file (0600).
Result<void> copy_file(const std::string& from, const std::string& to);
/// Gives a file another name that nothing has yet.
Result<void> rename_to_free(const std::string& from, const std::string& to);

/// Removes a file when it goes out of scope, unless it was kept.
class Unfinished {
 public:
  explicit Unfinished(std::string path) : path_(std::move(path)) {}
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  ~Unfinished();
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

}  // namespace gatecast::sqlite
