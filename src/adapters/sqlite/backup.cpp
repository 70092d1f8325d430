#include "adapters/sqlite/backup.hpp"

#include "adapters/sqlite/files.hpp"
#include "core/file_write.hpp"

namespace gatecast::sqlite {

Result<void> backup(Database& db, const std::string& path) {
  if (file_exists(path)) return fail(Errc::store_conflict, fmt::format("{} exists", path));
  const std::string partial = path + ".partial";
  Unfinished unfinished(partial), journal(partial + "-journal");
  if (auto made = make_fresh_file(partial); !made) return made;
  if (auto copied = db.run("VACUUM INTO ?", partial); !copied) return copied.error();
  if (auto flushed = flush_file(partial); !flushed) return flushed;
  if (auto named = rename_to_free(partial, path); !named) return named;
  unfinished.keep();
  return flush_folder_of(path);
}

}  // namespace gatecast::sqlite
