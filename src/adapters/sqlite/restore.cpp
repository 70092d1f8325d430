#include "adapters/sqlite/restore.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "adapters/sqlite/columns.hpp"
#include "adapters/sqlite/files.hpp"
#include "adapters/sqlite/schema.hpp"
#include "core/failpoint.hpp"
#include "core/file_write.hpp"
#include "core/lock_file.hpp"

namespace gatecast::sqlite {
namespace {

// Rows written after the backup was made had numbers of the audit log that its readers may remember: the log goes on
// beyond all of them. Readers of numbers up to 2^53 live through millions of restores.
constexpr std::int64_t kSeqStep = 1'000'000'000;
constexpr int kKeptMax = 100;
constexpr std::chrono::milliseconds kBusy{1000};

Result<std::string> value(Database& db, std::string_view sql) {
  auto found = first(db.select(sql), text_from);
  if (!found) return found.error();
  return found->value_or("");
}

Result<void> check_whole(Database& db, const std::string& backup) {
  auto id = value(db, "PRAGMA application_id");
  if (!id) return id.error();
  if (*id != std::to_string(kApplicationId)) {
    return fail(Errc::store_failed, fmt::format("{} is no backup of gatecast", backup));
  }
  const auto damaged = [&backup](const std::string& how) {
    return fail(Errc::store_failed, fmt::format("{} is damaged: {}", backup, how));
  };
  auto whole = value(db, "PRAGMA integrity_check(1)");
  if (!whole) return damaged(whole.error().detail);
  if (*whole != "ok") return damaged(*whole);
  auto strays = value(db, "SELECT count(*) FROM pragma_foreign_key_check");
  if (!strays) return damaged(strays.error().detail);
  if (*strays != "0") return damaged(fmt::format("{} rows refer to others that are not there", *strays));
  return {};
}

/// Puts everything into the one file and lets go of the log. Fails where another program has the file open.
Result<void> fold(Database& db, const std::string& path) {
  auto mode = value(db, "PRAGMA journal_mode=DELETE");
  if (!mode) return mode.error();
  return *mode == "delete" ? Result<void>{} : fail(Errc::store_failed, fmt::format("{} is in use", path));
}

Result<Restored> mark(Database& db, WallTime now) {
  auto noted = db.run("INSERT INTO restores (at) VALUES (?)", now);
  if (!noted) return noted.error();
  auto logged = db.run(
      "INSERT INTO audit (id, at, kind, user_id, sid, ip, code, detail, count)"
      " SELECT coalesce(max(id), 0) + ?, ?, 'store_restored', '', '', '', '', '', 1 FROM audit",
      kSeqStep, now);
  if (!logged) return logged.error();
  // Versions that were given since the backup mean other grants: a client that has one must not find it current.
  auto stepped = db.run("UPDATE grant_holders SET version = version + ?", kSeqStep);
  if (!stepped) return stepped.error();
  const auto count = [](const Query& row) { return row.count(0); };
  auto users = first(db.select("SELECT count(*) FROM users"), count);
  if (!users) return users.error();
  auto sessions = first(db.select("SELECT count(*) FROM sessions WHERE ended_at IS NULL"), count);
  if (!sessions) return sessions.error();
  return Restored{.users = users->value_or(0), .sessions = sessions->value_or(0)};
}

/// Checks the copy, brings it up to date and marks it; then it is one flushed file.
Result<Restored> prepare(const std::string& copy, const std::string& backup, WallTime now) {
  Result<Restored> done;
  {
    Result<Database> db = Database::open(copy, {.busy_timeout = kBusy});
    if (!db) return fail(Errc::store_failed, fmt::format("{} is no backup: {}", backup, db.error().detail));
    if (auto whole = check_whole(*db, backup); !whole) return whole.error();
    if (auto migrated = migrate(*db, backup); !migrated) return migrated.error();
    done = mark(*db, now);
    if (!done) return done;
    if (auto folded = fold(*db, copy); !folded) return folded.error();
  }
  if (auto flushed = flush_file(copy); !flushed) return flushed.error();
  return done;
}

Result<std::string> free_name(const std::string& store) {
  std::string name = store + ".before-restore";
  for (int n = 2; n <= kKeptMax; ++n) {
    if (!file_exists(name) && !file_exists(name + "-wal")) return name;
    name = fmt::format("{}.before-restore.{}", store, n);
  }
  return fail(Errc::store_failed, fmt::format("{} old stores are kept beside {}: remove some", kKeptMax - 1, store));
}

bool begins_as_database(const std::string& path) {
  constexpr std::string_view kMagic("SQLite format 3\0", 16);
  std::string begin(kMagic.size(), ' ');
  std::ifstream(path, std::ios::binary).read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return begin == kMagic;
}

bool unreadable(const Error& error) {
  // SQLITE_CORRUPT and its kinds, SQLITE_NOTADB
  return error.detail.find("(11)") != std::string::npos || error.detail.find("(26)") != std::string::npos;
}

/// Puts a log aside that belongs to no file any more: SQLite would take it for the new file's.
Result<void> put_log_aside(const std::string& store, const std::string& kept) {
  if (file_exists(store + "-wal")) {
    if (auto moved = rename_to_free(store + "-wal", kept + "-wal"); !moved) return moved;
  }
  return remove_file(store + "-shm");
}

/// Folds the log of the old store into it. One that cannot be read any more is what a restore is for: its log is kept
/// beside it as it is.
Result<void> settle(const std::string& store, const std::string& kept) {
  // SQLite removes the log of a file that is none of its own, so such a file is not even opened.
  if (!begins_as_database(store)) return put_log_aside(store, kept);
  Result<void> folded;
  {
    Result<Database> db = Database::open(store, {.busy_timeout = kBusy});
    folded = db ? fold(*db, store) : Result<void>(db.error());
  }
  if (folded || !unreadable(folded.error())) return folded;
  return put_log_aside(store, kept);
}

/// Gives the old store a second name, so that its first is never without a file.
Result<void> keep_old(const std::string& store, const std::string& kept) {
  if (link(store.c_str(), kept.c_str()) != 0) {
    // A file system without links.
    if (errno != EPERM && errno != ENOTSUP) return file_error("make", kept);
    if (auto copied = copy_file(store, kept); !copied) return copied;
    if (auto flushed = flush_file(kept); !flushed) return flushed;
  }
  return flush_folder_of(store);
}

}  // namespace

Result<Restored> restore(const std::string& backup, const std::string& store, WallTime now) {
  struct stat log{};
  if (stat((backup + "-wal").c_str(), &log) == 0 && log.st_size > 0) {
    return fail(Errc::store_failed, fmt::format("{} has a log beside it, so it is a store and no backup", backup));
  }
  if (const auto slash = store.rfind('/'); slash != std::string::npos && slash > 0) {
    if (auto made = make_private_folder(store.substr(0, slash)); !made) return made.error();
  }
  const std::string copy = store + ".restoring";
  Unfinished unfinished(copy), log_of_copy(copy + "-wal"), index_of_copy(copy + "-shm");
  for (const char* suffix : {"-wal", "-shm"}) {
    if (auto removed = remove_file(copy + suffix); !removed) return removed.error();
  }
  if (auto copied = copy_file(backup, copy); !copied) return copied.error();
  Result<Restored> done = prepare(copy, backup, now);
  if (!done) return done;

  auto kept = free_name(store);
  if (!kept) return kept.error();
  const bool replaces = file_exists(store);
  if (auto settled = replaces ? settle(store, *kept) : put_log_aside(store, *kept); !settled) return settled.error();
  GATECAST_FAILPOINT("restore.settled");
  if (replaces) {
    if (auto old = keep_old(store, *kept); !old) return old.error();
    done->kept_as = *kept;
  }
  GATECAST_FAILPOINT("restore.before_rename");
  if (rename(copy.c_str(), store.c_str()) != 0) return file_error("replace", store);
  GATECAST_FAILPOINT("restore.renamed");
  unfinished.keep();
  if (auto flushed = flush_folder_of(store); !flushed) return flushed.error();
  return done;
}

}  // namespace gatecast::sqlite
