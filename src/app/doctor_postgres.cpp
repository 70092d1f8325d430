// The store in PostgreSQL, as `gatecast doctor` sees it.
#include "adapters/postgres/inspect.hpp"
#include "app/doctor.hpp"
#include "core/time_text.hpp"

namespace gatecast::app {
namespace {

using namespace server;

/// Times are the database's, tokens and proofs are judged by this machine's; ±60 s of skew is allowed for.
constexpr std::chrono::seconds kSkewWarn{30}, kSkewFail{60};

Check check_rights(const postgres::Inspection& seen) {
  if (seen.encoding != "UTF8") {
    return check_fail("store.schema", fmt::format("the database's encoding is {}", seen.encoding),
                      "CREATE DATABASE gatecast ENCODING 'UTF8' TEMPLATE template0, and name it in store.url");
  }
  if (!seen.lacking.empty()) {
    return check_fail("store.schema", "the role may not use the schema gatecast", "As its owner: " + seen.lacking);
  }
  if (seen.version == 0) return check_ok("store.schema", "none yet: the first start makes it");
  if (seen.oldest > seen.known) {
    return check_fail("store.schema",
                      fmt::format("version {}, which needs a program that knows {}; this one knows {}", seen.version,
                                  seen.oldest, seen.known),
                      "Run the version that wrote it, or a newer one");
  }
  if (seen.version > seen.known) {
    return check_ok("store.schema",
                    fmt::format("version {}, of a newer program; this one works with it", seen.version));
  }
  return check_ok("store.schema", seen.version == seen.known ? fmt::format("version {}", seen.version)
                                                             : fmt::format("version {}; the next start brings it to {}",
                                                                           seen.version, seen.known));
}

Check check_clock(const postgres::Inspection& seen) {
  const auto apart = std::chrono::abs(seen.ahead);
  const double seconds = static_cast<double>(apart.count()) / 1000;
  auto text = fmt::format("PostgreSQL's is {:.1f} s {} this machine's", seconds,
                          seen.ahead.count() < 0 ? "behind" : "ahead of");
  if (apart >= kSkewFail) return check_fail("store.clock", std::move(text));
  return apart >= kSkewWarn ? check_warn("store.clock", std::move(text)) : check_ok("store.clock", std::move(text));
}

Check check_durable(const postgres::Inspection& seen) {
  if (!seen.commit.empty()) return check_fail("store.durable", seen.commit);
  if (seen.wants_synchronous) {
    return check_ok("store.durable", "a commit is on disk, and waits for synchronous standbys");
  }
  if (seen.standbys == 0) return check_ok("store.durable", "a commit is on the server's disk; no standby is seen");
  return check_warn("store.durable",
                    fmt::format("a commit is on the server's disk; none of {} standbys is synchronous", seen.standbys));
}

}  // namespace

Checks check_postgres(const Doctor& doctor) {
  const auto& config = doctor.config.store;
  auto target = postgres::Target::make(config.url, config.ca_file);
  if (!target) return {check_skip("store.open", "store.url cannot be used")};
  if (doctor.arguments.offline) return {check_skip("store.open", "--offline")};
  doctor.progress("asking PostgreSQL");
  const auto seen = postgres::inspect(*target, config.deadline);
  if (!seen) {
    return {
        check_fail("store.open", seen.error().detail,
                   "Check store.url, the server's pg_hba.conf and that it listens: psql with the same URL tells more")};
  }
  Checks out;
  auto text = fmt::format("{}, {}{}", target->shown(), seen->server, seen->encrypted ? ", encrypted" : "");
  if (seen->connections_max > 0 && static_cast<int>(config.connections) > seen->connections_max - 3) {
    out.push_back(check_warn(
        "store.open",
        fmt::format("{}; store.connections is {}, max_connections {}", text, config.connections, seen->connections_max),
        "Lower store.connections or raise max_connections: each node keeps so many"));
  } else {
    out.push_back(check_ok("store.open", std::move(text)));
  }
  out.push_back(check_rights(*seen));
  out.push_back(check_clock(*seen));
  out.push_back(check_durable(*seen));
  out.push_back(check_skip("store.backup", seen->restored_at ? fmt::format("PostgreSQL's own; restored at {}",
                                                                           format_rfc3339(*seen->restored_at))
                                                             : "PostgreSQL's own: pg_dump or a base backup"));
  return out;
}

}  // namespace gatecast::app
