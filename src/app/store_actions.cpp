#include "app/store_actions.hpp"

#include <chrono>
#include <filesystem>

#include "adapters/postgres/schema.hpp"
#include "adapters/postgres/store_copy.hpp"
#include "adapters/sqlite/database.hpp"
#include "adapters/sqlite/schema.hpp"
#include "app/actions.hpp"
#include "app/sqlite_source.hpp"
#include "core/lock_file.hpp"

namespace gatecast::app {
namespace {

// A line of progress now and then, not one for every piece.
constexpr std::chrono::seconds kProgressEvery{2};

server::Config config_of(const OperatorArguments& a) {
  server::LoadOptions quiet = a.load;
  quiet.make_dev_keys = false;
  return server::load(quiet).config;
}

int complain_usage(const Io& io, std::string_view what) {
  io.err << "gatecast: " << what << "\n";
  return kUsage;
}

bool is_postgres(const ServiceUrl& url) { return url.scheme() == "postgresql" || url.scheme() == "postgres"; }

/// "sqlite:FILE": beside the working folder, or as the configuration has it in data.dir.
std::string file_of(const std::string& url, const server::Config& config) {
  const std::string name = url.starts_with("sqlite:") ? url.substr(7) : url;
  std::error_code ec;
  const auto in_data = std::filesystem::path(config.data.dir) / name;
  const bool here = std::filesystem::exists(name, ec);
  return !here && std::filesystem::exists(in_data, ec) ? in_data.lexically_normal().string() : name;
}

/// The locks of the folders that a server of these data would hold.
Result<std::vector<LockFile>> lock_all(const server::Config& config, const std::string& file) {
  std::vector<LockFile> locks;
  auto lock = LockFile::take(config.data.dir + "/lock");
  if (!lock) return lock.error();
  locks.push_back(std::move(*lock));
  std::error_code ec;
  const auto folder = std::filesystem::absolute(file, ec).parent_path();
  const bool other = !std::filesystem::equivalent(folder, config.data.dir, ec);
  if (other && std::filesystem::exists(folder / "lock", ec)) {
    auto its = LockFile::take((folder / "lock").string());
    if (!its) return its.error();
    locks.push_back(std::move(*its));
  }
  return locks;
}

}  // namespace

int do_store_copy(const OperatorArguments& a, const Io& io) {
  const server::Config config = config_of(a);
  const ServiceUrl to = a.to.empty() ? config.store.url : ServiceUrl(a.to);
  const std::string from = a.from.empty() ? config.store.path : file_of(a.from, config);
  if (is_postgres(ServiceUrl(a.from))) return complain_usage(io, "--from is a file of SQLite: sqlite:FILE");
  if (from.empty()) return complain_usage(io, "say what to copy: --from sqlite:FILE");
  if (!is_postgres(to))
    return complain_usage(io, "say where to: --to postgresql://USER@HOST/DATABASE, or in store.url");

  auto target = postgres::Target::make(to, config.store.ca_file);
  if (!target) return complain(target.error(), io);
  auto locks = lock_all(config, from);
  if (!locks) return complain(locks.error(), io);
  auto source = SqliteSource::open(from, !a.dry_run);
  if (!source) return complain(source.error(), io);

  io.err << fmt::format("{} -> {}\n", from, target->shown());
  auto said = std::chrono::steady_clock::now();
  postgres::CopyOptions options{.deadline = config.store.deadline, .dry_run = a.dry_run};
  options.progress = [&io, &said](const char* table, std::uint64_t done, std::uint64_t of) {
    const auto now = std::chrono::steady_clock::now();
    if (now - said < kProgressEvery) return;
    said = now;
    io.err << fmt::format("{}: {} of {}\n", table, done, of) << std::flush;
  };
  auto copied = postgres::copy_store(*source, *target, options);
  if (!copied) return complain(copied.error(), io);
  std::vector<std::vector<std::string>> rows;
  for (const auto& one : copied->tables) rows.push_back({one.name, std::to_string(one.rows)});
  io.out << table({"table", "rows"}, rows);
  if (copied->mended > 0) {
    io.err << fmt::format("{} texts were no UTF-8 or held a zero byte: these bytes are replaced\n", copied->mended);
  }
  io.out << (a.dry_run ? "nothing was written\n"
                       : "copied; now store.url names PostgreSQL, and the file stays as it is\n");
  return kFine;
}

int do_store_restored(const OperatorArguments& a, const Io& io) {
  const server::Config config = config_of(a);
  if (!is_postgres(config.store.url)) {
    return complain_usage(io, "store.url names no PostgreSQL; for a file of SQLite gatecast restore does it all");
  }
  auto lock = LockFile::take(config.data.dir + "/lock");
  if (!lock) return complain(lock.error(), io);
  auto target = postgres::Target::make(config.store.url, config.store.ca_file);
  if (!target) return complain(target.error(), io);
  auto marked = postgres::mark_restored(*target, config.store.deadline);
  if (!marked) return complain(marked.error(), io);
  io.out << fmt::format("{}: noted as restored; the servers may start\n", target->shown());
  return kFine;
}

int do_migrate(const OperatorArguments& a, const Io& io) {
  const server::Config config = config_of(a);
  if (is_postgres(config.store.url)) {
    auto target = postgres::Target::make(config.store.url, config.store.ca_file);
    if (!target) return complain(target.error(), io);
    auto state = postgres::migrate(*target, config.store.deadline);
    if (!state) return complain(state.error(), io);
    io.out << fmt::format("{}: schema version {}\n", target->shown(), state->version);
    return kFine;
  }
  if (config.store.path.empty()) return complain(fail(Errc::config_invalid, "store.url"), io);
  auto lock = LockFile::take(config.data.dir + "/lock");
  if (!lock) return complain(lock.error(), io);
  auto db = sqlite::Database::open(config.store.path, {});
  if (!db) return complain(db.error(), io);
  if (auto migrated = sqlite::migrate(*db, config.store.path); !migrated) return complain(migrated.error(), io);
  io.out << fmt::format("{}: schema version {}\n", config.store.path, sqlite::migrations().size());
  return kFine;
}

}  // namespace gatecast::app
