#include "adapters/sqlite/log_buffer.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string_view>

namespace gatecast::sqlite {
namespace {

// SQLite's Unix VFS cuts a write to its size modulo 128 KB, and takes one of exactly that for a full disk.
constexpr std::size_t kWriteBytes = 64 * 1024;

struct Vfs {
  sqlite3_vfs vfs;
  sqlite3_vfs* below;
  std::string name;
};

/// Bytes on their way to the log: one run, from `at` on.
class Run {
 public:
  int write(sqlite3_file* log, std::string_view bytes, sqlite3_int64 at) {
    const bool goes_on = at == at_ + static_cast<sqlite3_int64>(bytes_.size());
    if (!goes_on || bytes_.size() + bytes.size() > kLogBufferBytes) {
      if (const int error = flush(log); error != SQLITE_OK) return error;
      at_ = at;
    }
    bytes_.append(bytes);
    return SQLITE_OK;
  }
  /// What cannot be written is dropped: its transaction fails and writes its place anew.
  int flush(sqlite3_file* log) {
    if (bytes_.empty()) return SQLITE_OK;
    int done = SQLITE_OK;
    for (std::size_t from = 0; from < bytes_.size() && done == SQLITE_OK; from += kWriteBytes) {
      const auto size = static_cast<int>(std::min(kWriteBytes, bytes_.size() - from));
      done = log->pMethods->xWrite(log, bytes_.data() + from, size, at_ + static_cast<sqlite3_int64>(from));
    }
    bytes_.clear();
    at_ = -1;
    return done;
  }

 private:
  std::string bytes_;
  sqlite3_int64 at_ = -1;
};

struct File {
  sqlite3_file base;
  sqlite3_file* log;  // lies behind this struct, in the same allocation of SQLite's
  Run* run;
};
File& mine(sqlite3_file* file) {
  void* whole = file;
  return *static_cast<File*>(whole);
}
sqlite3_file* flushed(sqlite3_file* file, int& error) {
  error = mine(file).run->flush(mine(file).log);
  return mine(file).log;
}

int close(sqlite3_file* file) {
  int error = SQLITE_OK;
  sqlite3_file* log = flushed(file, error);
  delete mine(file).run;
  const int closed = log->pMethods->xClose(log);
  return error != SQLITE_OK ? error : closed;
}
int read(sqlite3_file* file, void* to, int size, sqlite3_int64 at) {
  int error = SQLITE_OK;
  sqlite3_file* log = flushed(file, error);
  return error != SQLITE_OK ? error : log->pMethods->xRead(log, to, size, at);
}
int write(sqlite3_file* file, const void* from, int size, sqlite3_int64 at) {
  try {
    return mine(file).run->write(mine(file).log, {static_cast<const char*>(from), static_cast<std::size_t>(size)}, at);
  } catch (const std::bad_alloc&) {
    return SQLITE_IOERR_NOMEM;
  }
}
int truncate(sqlite3_file* file, sqlite3_int64 size) {
  int error = SQLITE_OK;
  sqlite3_file* log = flushed(file, error);
  return error != SQLITE_OK ? error : log->pMethods->xTruncate(log, size);
}
int sync(sqlite3_file* file, int flags) {
  int error = SQLITE_OK;
  sqlite3_file* log = flushed(file, error);
  return error != SQLITE_OK ? error : log->pMethods->xSync(log, flags);
}
int file_size(sqlite3_file* file, sqlite3_int64* size) {
  int error = SQLITE_OK;
  sqlite3_file* log = flushed(file, error);
  return error != SQLITE_OK ? error : log->pMethods->xFileSize(log, size);
}
int lock(sqlite3_file* file, int level) { return mine(file).log->pMethods->xLock(mine(file).log, level); }
int unlock(sqlite3_file* file, int level) { return mine(file).log->pMethods->xUnlock(mine(file).log, level); }
int check_lock(sqlite3_file* file, int* held) {
  return mine(file).log->pMethods->xCheckReservedLock(mine(file).log, held);
}
int control(sqlite3_file* file, int op, void* arg) {
  return mine(file).log->pMethods->xFileControl(mine(file).log, op, arg);
}
int sector_size(sqlite3_file* file) { return mine(file).log->pMethods->xSectorSize(mine(file).log); }
int device(sqlite3_file* file) { return mine(file).log->pMethods->xDeviceCharacteristics(mine(file).log); }

// Version 1: nobody maps a log or keeps shared memory for it; that is the database file's.
constexpr sqlite3_io_methods kMethods{1,    close,  read,       write,   truncate,    sync,  file_size,
                                      lock, unlock, check_lock, control, sector_size, device};

int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  sqlite3_vfs* below = static_cast<Vfs*>(vfs->pAppData)->below;
  if ((flags & SQLITE_OPEN_WAL) == 0) return below->xOpen(below, name, file, flags, flags_out);
  file->pMethods = nullptr;
  File& made = mine(file);
  void* behind = &made + 1;
  made.log = static_cast<sqlite3_file*>(behind);
  made.run = new (std::nothrow) Run;
  if (made.run == nullptr) return SQLITE_NOMEM;
  const int opened = below->xOpen(below, name, made.log, flags, flags_out);
  if (made.log->pMethods == nullptr) {
    delete made.run;
  } else {
    file->pMethods = &kMethods;
  }
  return opened;
}

}  // namespace

std::string log_buffer_over(const std::string& below) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<Vfs>> made;
  const std::lock_guard lock(mutex);
  auto found = made.find(below);
  if (found == made.end()) {
    sqlite3_vfs* real = sqlite3_vfs_find(below.empty() ? nullptr : below.c_str());
    if (real == nullptr) return {};
    auto vfs = std::make_unique<Vfs>(Vfs{.vfs = *real, .below = real, .name = "log-buffer-over-" + below});
    vfs->vfs.szOsFile += static_cast<int>(sizeof(File));
    vfs->vfs.pNext = nullptr;
    vfs->vfs.zName = vfs->name.c_str();
    vfs->vfs.pAppData = vfs.get();
    vfs->vfs.xOpen = open;
    if (sqlite3_vfs_register(&vfs->vfs, 0) != SQLITE_OK) return {};
    found = made.emplace(below, std::move(vfs)).first;
  }
  return found->second->name;
}

}  // namespace gatecast::sqlite
