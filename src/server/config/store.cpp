// store.url: a file of SQLite, or a PostgreSQL server as applications write it.
#include "server/config/check.hpp"
#include "server/config/value.hpp"
#include "store/postgres_url.hpp"

namespace gatecast::server {
namespace {

constexpr std::uint32_t kConnectionsMin = 2, kConnectionsMax = 200;  // as store.connections

void check_postgres(Loaded& loaded, Reporter& report) {
  StoreConfig& store = loaded.config.store;
  const auto url = store::parse_postgres_url(store.url.expose());
  for (const auto& problem : url.problems) report.error("store.url", problem.text, problem.cure);
  for (const auto& note : url.notes) report.note("store.url", note.text, note.cure);
  if (!url.ok()) return;
  if (url.connections && !report.given("store.connections")) {
    store.connections = std::clamp(*url.connections, kConnectionsMin, kConnectionsMax);
    loaded.origins.insert_or_assign("store.connections", "connection_limit of store.url");
    if (store.connections != *url.connections) {
      report.note("store.url", fmt::format("connection_limit: {} is not from 2 to 200", *url.connections),
                  fmt::format("This process keeps {} connections.", store.connections));
    }
  } else if (url.connections) {
    report.note("store.url", "connection_limit: store.connections is set, too", "That one counts.");
  }
  const auto mode = url.find("sslmode"), host = url.find("host");
  const bool here = host.empty() || host == "localhost" || host == "127.0.0.1" || host == "::1" || host.front() == '/';
  if (here || mode == "disable" || mode == "verify-full") return;
  if (mode.empty() || mode == "allow" || mode == "prefer") {
    report.warn("store.url", "the way to PostgreSQL is encrypted only where the server offers it",
                "sslmode=verify-full asks for it and for the server's name; sslmode=disable says that the network is "
                "trusted.");
  } else {
    report.note("store.url", fmt::format("sslmode={} does not ask for the server's name", mode),
                "sslmode=verify-full does.");
  }
}

}  // namespace

void check_store(Loaded& loaded, Reporter& report) {
  Config& c = loaded.config;
  const std::string_view scheme = c.store.url.scheme();
  if (scheme == "sqlite" && c.store.url.expose().size() > scheme.size() + 1) {
    c.store.path = join_path(c.data.dir, std::string(c.store.url.expose().substr(scheme.size() + 1)));
  } else if (scheme == "postgresql" || scheme == "postgres") {
    check_postgres(loaded, report);
  } else {
    report.error("store.url",
                 // The scheme of what is no URL may be a secret's beginning.
                 c.store.url.expose().find("://") != std::string_view::npos || scheme == "sqlite"
                     ? fmt::format("{} is not a database this version knows", quote(scheme.substr(0, 20)))
                     : "is not a database's URL",
                 "Write \"sqlite:gatecast.db\" or \"postgresql://USER:PASSWORD@HOST/DATABASE\".");
  }
}

}  // namespace gatecast::server
