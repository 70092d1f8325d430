// The store's file, as `gatecast doctor` sees it.
#include "adapters/sqlite/inspect.hpp"
#include "app/doctor.hpp"
#include "core/time_text.hpp"
#include "server/checks/check_host.hpp"

namespace gatecast::app {
namespace {

using namespace server;

/// Above it a page-by-page check takes too long to wait for.
constexpr std::uint64_t kCheckedBytes = std::uint64_t{1} << 30;
/// A store younger than that has nothing to lose yet; a backup older than that loses too much.
constexpr std::chrono::days kYoung{1}, kOld{7};

Check check_backup(const sqlite::Inspection& seen, WallTime now) {
  if (seen.backup_at) {
    const auto days = std::chrono::floor<std::chrono::days>(now - *seen.backup_at).count();
    auto text = fmt::format("the last one was made at {}", format_rfc3339(*seen.backup_at));
    return days >= kOld.count() ? check_warn("store.backup", std::move(text))
                                : check_ok("store.backup", std::move(text));
  }
  if (!seen.first_audit || now - *seen.first_audit < kYoung) return check_skip("store.backup", "the store is new");
  return check_warn("store.backup", "gatecast backup has made none; copies made by others are not seen");
}

}  // namespace

Checks check_store(const Doctor& doctor) {
  const auto& path = doctor.config.store.path;
  if (doctor.config.store.url.scheme().starts_with("postgres")) return check_postgres(doctor);
  if (path.empty()) return {check_skip("store.open", "store.url cannot be used")};
  const auto inspected = sqlite::inspect(path, kCheckedBytes);
  if (!inspected) return {check_fail("store.open", inspected.error().detail)};
  if (!*inspected) return {check_ok("store.open", path + " is not there yet: the first start makes it")};
  const auto& seen = **inspected;
  Checks out{check_ok("store.open", fmt::format("{}, {}", path, bytes_text(seen.bytes)))};
  if (!seen.ours) {
    out.push_back(check_fail("store.schema", path + " is a database of another program",
                             "Name another file in store.url; this one is left as it is."));
    return out;
  }
  if (seen.version > seen.known) {
    out.push_back(
        check_fail("store.schema", fmt::format("version {}, this program knows up to {}", seen.version, seen.known)));
    return out;
  }
  out.push_back(check_ok("store.schema",
                         seen.version == seen.known
                             ? fmt::format("version {}", seen.version)
                             : fmt::format("version {}; the next start brings it to {}", seen.version, seen.known)));
  if (!seen.checked) {
    out.push_back(check_skip("store.integrity", fmt::format("{} take too long: sqlite3 {} 'PRAGMA quick_check'",
                                                            bytes_text(seen.bytes), path)));
  } else {
    out.push_back(seen.damage.empty() ? check_ok("store.integrity", "every page is sound")
                                      : check_fail("store.integrity", seen.damage));
  }
  out.push_back(check_backup(seen, SystemClock{}.wall()));
  return out;
}

}  // namespace gatecast::app
