// What several nodes share: whether the URLs of broker and cache can be meant, and whether the rest of the
// configuration goes with them.
#include "broker/redis_url.hpp"
#include "server/config/check.hpp"
#include "server/config/value.hpp"

namespace gatecast::server {
namespace {

constexpr std::string_view kForms =
    "Write redis://HOST:PORT/DB, rediss://…, redis+sentinel://HOST:PORT,HOST:PORT/MASTER or "
    "redis+cluster://HOST:PORT,HOST:PORT.";

void check_redis(const char* key, const ServiceUrl& url, Reporter& report) {
  if (!broker::is_redis_scheme(url.scheme())) {
    // The scheme of what is no URL may be a secret's beginning.
    const bool told = url.expose().find("://") != std::string_view::npos;
    report.error(key,
                 told ? fmt::format("{} is nothing this version knows", quote(url.scheme().substr(0, 20)))
                      : std::string("is not a URL of Redis"),
                 std::string(kForms));
    return;
  }
  if (auto parsed = broker::parse_redis_url(url); !parsed)
    report.error(key, parsed.error().detail, std::string(kForms));
}

void check_own_keys(const Config& c, Reporter& report) {
  constexpr std::string_view kSame = "Write the same key into the configuration of every node.";
  if (c.token.keys.empty()) {
    report.warn("token.key",
                "with a shared broker every node needs the same token keys; those in token.key_dir are "
                "this node's, unless all have the folder",
                std::string(kSame));
  }
  if (c.session.keys.empty()) {
    report.warn("session.key", "with a shared broker every node needs the same session keys", std::string(kSame));
  }
}

}  // namespace

void check_shared(const Config& c, Reporter& report) {
  if (c.broker.on()) check_redis("broker.url", c.broker.url, report);
  if (!c.cache.url.empty()) check_redis("cache.url", c.cache.url, report);
  if (!broker::is_redis_prefix(c.broker.prefix)) {
    report.error("broker.prefix", "has blanks, braces or other than ASCII, or more than 64 characters",
                 "Letters, digits and colons do: \"gatecast:\".");
  }
  const bool sqlite = !c.store.path.empty();
  if (c.broker.on()) {
    check_own_keys(c, report);
    if (sqlite) {
      report.warn("store.url", "is a file of this node, but the broker is shared: other nodes do not know its sessions",
                  "Several nodes need PostgreSQL: store.url = \"postgresql://USER:PASSWORD@HOST/DATABASE\".");
    }
  } else if (c.store.url.scheme().starts_with("postgres")) {
    report.note("broker.url", "is this process's own, while the database could serve several",
                "One node is well so; a second one needs broker.url = \"redis://…\".");
  }
}

}  // namespace gatecast::server
