// A disk that fails when told: SQLite's own VFS with a counter in front of every I/O.
//
// Place: tests; `faulty_disk()` registers it as "faulty" on first use. Counted are open, read, write, sync, truncate
// and delete, of all connections together. Threads: any, the counter is atomic.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <cstdint>
#include <cstring>

namespace gatecast::sqlite {

enum class Fault : std::uint8_t {
  once,      // the n-th I/O fails, the next works
  broken,    // the n-th and every later one fails
  disk_full  // the n-th I/O, if a write, and every later write finds the disk full; all else works
};

class FaultyDisk {
 public:
  /// From the next I/O on, counting from 1.
  void arm(Fault fault, long nth) {
    fault_ = fault;
    seen_ = 0;
    failures_ = 0;
    nth_ = nth;
  }
  void repair() { nth_ = 0; }
  long failures() const { return failures_; }

  /// Writes to the log since its last flush: what a power cut could take.
  long unflushed() const { return unflushed_; }
  /// Writes to logs so far.
  long log_writes() const { return log_writes_; }
  void wrote_log() {
    ++unflushed_;
    ++log_writes_;
  }
  void flushed_log() { unflushed_ = 0; }

  /// What this I/O gives instead of being done; SQLITE_OK: do it.
  int meets(int error, bool writes) {
    const long nth = nth_;
    if (nth == 0) return SQLITE_OK;
    const long now = ++seen_;
    const bool hit = fault_ == Fault::once ? now == nth : now >= nth;
    if (!hit || (fault_ == Fault::disk_full && !writes)) return SQLITE_OK;
    ++failures_;
    return fault_ == Fault::disk_full ? SQLITE_FULL : error;
  }

 private:
  std::atomic<Fault> fault_{Fault::once};
  std::atomic<long> nth_{0};
  std::atomic<long> seen_{0};
  std::atomic<long> failures_{0};
  std::atomic<long> unflushed_{0};
  std::atomic<long> log_writes_{0};
};

namespace faulty {

inline FaultyDisk disk;
inline sqlite3_vfs* real_vfs = nullptr;

struct File {
  sqlite3_file base;
  sqlite3_file* real;  // lies behind this struct, in the same allocation of SQLite's
  bool is_log;
};
inline bool is_log(sqlite3_file* file) {
  void* whole = file;
  return static_cast<File*>(whole)->is_log;
}
inline sqlite3_file* real(sqlite3_file* file) {
  void* whole = file;
  return static_cast<File*>(whole)->real;
}

inline int close(sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); }
inline int read(sqlite3_file* f, void* to, int size, sqlite3_int64 at) {
  if (int error = disk.meets(SQLITE_IOERR_READ, false)) return error;
  return real(f)->pMethods->xRead(real(f), to, size, at);
}
inline int write(sqlite3_file* f, const void* from, int size, sqlite3_int64 at) {
  if (int error = disk.meets(SQLITE_IOERR_WRITE, true)) {
    // A failing disk may have written a part.
    static_cast<void>(real(f)->pMethods->xWrite(real(f), from, size / 2, at));
    return error;
  }
  if (is_log(f)) disk.wrote_log();
  return real(f)->pMethods->xWrite(real(f), from, size, at);
}
inline int truncate(sqlite3_file* f, sqlite3_int64 size) {
  if (int error = disk.meets(SQLITE_IOERR_TRUNCATE, false)) return error;
  return real(f)->pMethods->xTruncate(real(f), size);
}
inline int sync(sqlite3_file* f, int) {
  if (int error = disk.meets(SQLITE_IOERR_FSYNC, false)) return error;
  // Nothing cuts the power here, so the flush is only noted: a thousand lives of a store in seconds.
  if (is_log(f)) disk.flushed_log();
  return SQLITE_OK;
}
inline int file_size(sqlite3_file* f, sqlite3_int64* size) { return real(f)->pMethods->xFileSize(real(f), size); }
inline int lock(sqlite3_file* f, int level) { return real(f)->pMethods->xLock(real(f), level); }
inline int unlock(sqlite3_file* f, int level) { return real(f)->pMethods->xUnlock(real(f), level); }
inline int check_lock(sqlite3_file* f, int* held) { return real(f)->pMethods->xCheckReservedLock(real(f), held); }
inline int control(sqlite3_file* f, int op, void* arg) { return real(f)->pMethods->xFileControl(real(f), op, arg); }
inline int sector_size(sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); }
inline int device(sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); }
inline int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** at) {
  return real(f)->pMethods->xShmMap(real(f), page, size, extend, at);
}
inline int shm_lock(sqlite3_file* f, int at, int n, int flags) {
  return real(f)->pMethods->xShmLock(real(f), at, n, flags);
}
inline void shm_barrier(sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); }
inline int shm_unmap(sqlite3_file* f, int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); }

// Version 2: with shared memory for the log's index, without memory-mapped reads, which would pass the counter by.
inline constexpr sqlite3_io_methods kMethods{2,        close,       read,       write,   truncate,    sync,   file_size,
                                             lock,     unlock,      check_lock, control, sector_size, device, shm_map,
                                             shm_lock, shm_barrier, shm_unmap,  nullptr, nullptr};

inline int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  file->pMethods = nullptr;
  if (int error = disk.meets(SQLITE_CANTOPEN, false)) return error;
  void* whole = file;
  auto* mine = static_cast<File*>(whole);
  void* behind = mine + 1;
  mine->real = static_cast<sqlite3_file*>(behind);
  mine->is_log = (flags & SQLITE_OPEN_WAL) != 0;
  const int opened = real_vfs->xOpen(real_vfs, name, mine->real, flags, flags_out);
  if (mine->real->pMethods != nullptr) file->pMethods = &kMethods;
  return opened;
}
inline int remove(sqlite3_vfs*, const char* name, int sync_folder) {
  if (int error = disk.meets(SQLITE_IOERR_DELETE, false)) return error;
  return real_vfs->xDelete(real_vfs, name, sync_folder);
}

}  // namespace faulty

inline FaultyDisk& faulty_disk() {
  static sqlite3_vfs vfs = [] {
    faulty::real_vfs = sqlite3_vfs_find(nullptr);
    sqlite3_vfs made = *faulty::real_vfs;
    made.szOsFile += static_cast<int>(sizeof(faulty::File));
    made.pNext = nullptr;
    made.zName = "faulty";
    made.xOpen = faulty::open;
    made.xDelete = faulty::remove;
    return made;
  }();
  static const int registered = sqlite3_vfs_register(&vfs, 0);
  static_cast<void>(registered);
  return faulty::disk;
}

}  // namespace gatecast::sqlite
