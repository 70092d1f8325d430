#include "crypto/hash.hpp"
#include "server/config/keys.hpp"
#include "server/config/table.hpp"
#include "server/config/testing.hpp"
#include "server/config/value.hpp"

namespace gatecast::server {
namespace {

TEST(Config, DefaultsWithKeysAreFine) {
  Loaded loaded = load_text(keys());
  EXPECT_EQ(listing(loaded), "");
  const Config& c = loaded.config;
  EXPECT_EQ(c.http.address, "127.0.0.1:3002");
  EXPECT_EQ(c.limits.message_bytes, 65536u);
  EXPECT_EQ(c.limits.connections, 20000u);
  EXPECT_EQ(c.store.path, "data/gatecast.db");
  EXPECT_EQ(c.log.dir, "data/logs");
  ASSERT_EQ(c.token.keys.size(), 1u);
  EXPECT_EQ(c.token.keys[0].fingerprint.size(), 19u);
  EXPECT_EQ(c.session.keys[0].material.expose(), kSessionSecret);
  auto ring = make_key_ring(c);
  ASSERT_TRUE(ring);
  EXPECT_EQ(ring->active().algorithm(), token::Algorithm::hs256);
}

TEST(Config, EveryKeyOfTheTableCanBeSet) {
  Loaded loaded = load_text(R"(
[http]
address = "[::1]:80"
base_path = "/app"
allowed_origins = ["https://app.example", "http://localhost:3000"]
trusted_proxies = ["10.0.0.0/8", "::1"]
query_token = "off"
body_bytes = "128KB"
header_bytes = 4096
[token]
access_ttl = "15m"
claims = "fonana"
[signin.solana]
enabled = true
domain = "app.example"
[realtime]
ping = "1m"
pong = "1500ms"
shards = 3
[log]
level = "warn"
[[api.key]]
name = "web"
secret = "an-api-key-of-the-web-application-0001"
use_until = 2099-01-31T00:00:00Z
scopes = ["publish", "connections"]
[[namespace]]
name = "chat"
allow_subscribe_for_client = true
[[namespace]]
name = ""
)" + keys());
  ASSERT_EQ(listing(loaded), "");
  const Config& c = loaded.config;
  EXPECT_EQ(c.http.allowed_origins, (Strings{"https://app.example", "http://localhost:3000"}));
  EXPECT_EQ(c.http.body_bytes, 131072u);
  EXPECT_EQ(c.http.header_bytes, 4096u);
  EXPECT_EQ(c.token.access_ttl, std::chrono::minutes{15});
  EXPECT_EQ(c.signin.solana.domain, Strings{"app.example"});
  EXPECT_EQ(c.realtime.pong, Millis{1500});
  EXPECT_EQ(c.realtime.shards, 3u);
  ASSERT_EQ(c.api_keys.size(), 1u);
  EXPECT_EQ(c.api_keys[0].digest, crypto::sha256("an-api-key-of-the-web-application-0001"));
  EXPECT_EQ(unix_seconds(*c.api_keys[0].use_until), 4073500800);
  EXPECT_TRUE(c.api_keys[0].allows("publish"));
  EXPECT_FALSE(c.api_keys[0].allows("sessions"));
  ASSERT_EQ(c.namespaces.size(), 2u);
  EXPECT_TRUE(c.namespaces[0].allow_subscribe_for_client);
  EXPECT_FALSE(c.namespaces[0].allow_publish_for_client);
}

TEST(Config, BadFilesAndTheirExactFindings) {
  struct Case {
    std::string text;
    std::string finding;
  };
  const Case cases[] = {
      {"[http]\nadress = \"x\"\n",
       "error    gatecast.toml:2:1: http.adress: unknown key\n         Did you mean http.address?\n"},
      {"[http]\n  ping = \"5s\"\n",
       "error    gatecast.toml:2:3: http.ping: unknown key\n         Did you mean realtime.ping?\n"},
      {"[htpp]\naddress = \"x\"\n", "error    gatecast.toml:1:2: htpp: unknown key\n         Did you mean http?\n"},
      {"[frobnicate]\nx = 1\n",
       "error    gatecast.toml:1:2: frobnicate: unknown key\n         gatecast config default lists every key.\n"},
      {"[realtime]\nping = 25\n",
       "error    gatecast.toml:2:1: realtime.ping: must be a duration such as \"30s\", \"5m\", \"12h\" or \"30d\", is "
       "25\n"
       "         Interval of pings to clients.\n"},
      {"[realtime]\nping = \"100ms\"\n",
       "error    gatecast.toml:2:1: realtime.ping: 100ms is too small: at least 1s\n         Interval of pings to "
       "clients.\n"},
      {"[limits]\nchannels = 0\n",
       "error    gatecast.toml:2:1: limits.channels: 0 is too small: at least 1\n         Subscriptions of one "
       "connection.\n"},
      {"[limits]\nchannels = -1\n",
       "error    gatecast.toml:2:1: limits.channels: -1 is too small: at least 1\n         Subscriptions of one "
       "connection.\n"},
      {"[limits]\nchannels = \"5\"\n",
       "error    gatecast.toml:2:1: limits.channels: must be a whole number, is \"5\"\n         Subscriptions of one "
       "connection.\n"},
      {"[limits]\nmessage_bytes = \"1TB\"\n",
       "error    gatecast.toml:2:1: limits.message_bytes: must be a size such as 65536, \"64KB\" or \"8MB\", is "
       "\"1TB\"\n"
       "         Largest message of a client.\n"},
      {"[pages]\nenabled = \"yes\"\n",
       "error    gatecast.toml:2:1: pages.enabled: must be true or false, is \"yes\"\n         Pages to try the server "
       "with: /demo.\n"},
      {"[log]\nlevel = \"loud\"\n",
       "error    gatecast.toml:2:1: log.level: must be one of debug, info, warn, error, is \"loud\"\n"
       "         Least level that is written.\n"},
      {"[http]\nallowed_origins = [1]\n",
       "error    gatecast.toml:2:1: http.allowed_origins: must be a list of texts, contains 1\n"
       "         Origins of the pages that may call and connect, as browsers send them: \"https://app.example\".\n"},
      {"[http]\nallowed_origins = [\"https://app.example/\"]\n",
       "error    gatecast.toml:2:1: http.allowed_origins: \"https://app.example/\" is not an origin\n"
       "         Write scheme and host as browsers send them, lower case, without a path: \"https://app.example\".\n"},
      {"[http]\naddress = \"localhost:3002\"\n",
       "error    gatecast.toml:2:1: http.address: \"localhost:3002\" is not an address\n"
       "         Write an IP address and a port: \"127.0.0.1:3002\", \"0.0.0.0:3002\" for all, \"[::1]:3002\".\n"},
      {"[http]\naddress = \"127.0.0.1:9090\"\n",
       "error    default: ops.address: is the same as http.address\n         Give each its own port.\n"},
      {"[http]\nbase_path = \"/app/\"\n",
       "error    gatecast.toml:2:1: http.base_path: \"/app/\" is not a path prefix\n"
       "         Begin with a slash, end without one: \"/app\".\n"},
      {"[http]\ntrusted_proxies = [\"10.0.0.0/33\"]\n",
       "error    gatecast.toml:2:1: http.trusted_proxies: \"10.0.0.0/33\" is neither an address nor a network\n"
       "         Write \"10.0.0.5\" or \"10.0.0.0/8\".\n"},
      {"[http]\ntrusted_proxies = [\"10.0.0.5/8\"]\n",
       "error    gatecast.toml:2:1: http.trusted_proxies: \"10.0.0.5/8\" is neither an address nor a network\n"
       "         Write \"10.0.0.5\" or \"10.0.0.0/8\".\n"},
      {"[realtime]\nshards = 65\n",
       "error    gatecast.toml:2:1: realtime.shards: 65 is too large: at most 64\n"
       "         Threads that serve connections; 0: one per core.\n"},
      {"http = 3\n", "error    gatecast.toml:1:1: http: is a table, not a value\n         Write [http]\n"},
      {"[namespace]\nname = \"x\"\n",
       "error    gatecast.toml:1:2: namespace: is a list of tables\n         Write [[namespace]] before each.\n"},
      {"[[namespace]]\nallow_subscribe_for_client = true\n",
       "error    gatecast.toml:1:1: namespace[0].name: is missing\n"
       "         First part of a channel's name up to \":\"; \"\": channels without one.\n"},
      {"[[namespace]]\nname = \"a\"\n[[namespace]]\nname = \"a\"\n",
       "error    gatecast.toml:4:1: namespace[1].name: \"a\" is there twice\n         Join the two tables.\n"},
      {"[[namespace]]\nname = \"a:b\"\n",
       "error    gatecast.toml:2:1: namespace[0].name: \"a:b\" is not a namespace's name\n"
       "         Use letters, digits, '-', '_' and '.', at most 64; the ':' after it belongs to the channel.\n"},
      {"[[namespace]]\nname = \"post\"\ngrant = \"post:{x}\"\n",
       "error    gatecast.toml:3:1: namespace[0].grant: \"post:{x}\": braces hold one digit: {1} to {9}, a part of the "
       "channel's name\n"
       "         Write the resource as grant_add names it, with parts of the channel's name: \"post:{1}\".\n"},
      {"[[namespace]]\nname = \"post\"\ngrant = \"vip\"\nallow_user_limited_channels = true\n",
       "error    gatecast.toml:3:1: namespace[0].grant: is there beside allow_user_limited_channels, by which a "
       "channel's "
       "name alone lets users in\n"
       "         Keep one of the two.\n"},
      {"[realtime]\npong = \"25s\"\n",
       "error    gatecast.toml:2:1: realtime.pong: 25s is not less than realtime.ping, 25s\n"
       "         An answer must arrive before the next ping.\n"},
      {"[realtime]\ninsecure = true\n",
       "error    gatecast.toml:2:1: realtime.insecure: is allowed only with --dev\n"
       "         Remove it: without it every connection needs a token.\n"},
      {"[limits]\nqueue_bytes = \"32KB\"\n",
       "error    gatecast.toml:2:1: limits.queue_bytes: is less than limits.message_bytes\n"
       "         A queue must hold at least one message.\n"},
      {"[token]\naccess_ttl = \"2h\"\n[session]\nrefresh_ttl = \"1h\"\n",
       "error    gatecast.toml:4:1: session.refresh_ttl: 1h is less than token.access_ttl, 2h\n"
       "         A session must outlive its access tokens.\n"},
      {"[signin.solana]\nenabled = true\n",
       "error    default: signin.solana.domain: is missing while signin.solana.enabled is true\n"
       "         Write the domain of the pages people sign in on: domain = \"app.example\".\n"},
      {"[signin.solana]\ndomain = \"https://app.example/login\"\n",
       "error    gatecast.toml:2:1: signin.solana.domain: \"https://app.example/login\" is not a domain\n"
       "         Write \"app.example\".\n"},
      {"[store]\nurl = \"mysql://user:pw@host/db\"\n",
       "error    gatecast.toml:2:1: store.url: \"mysql\" is not a database this version knows\n"
       "         Write \"sqlite:gatecast.db\" or \"postgresql://USER:PASSWORD@HOST/DATABASE\".\n"},
      {"[[api.key]]\nname = \"web\"\nsha256 = \"12\"\nscopes = [\"all\"]\n",
       "error    gatecast.toml:3:1: api.key[0].sha256: is not the 64 hex digits of a SHA-256\n"
       "         printf %s KEY | sha256sum, or: gatecast apikey new NAME\n"},
      {"[[api.key]]\nname = \"web\"\nscopes = [\"all\"]\n",
       "error    gatecast.toml:2:1: api.key[0].sha256: is missing\n"
       "         gatecast apikey new NAME makes a key and prints the lines for this file.\n"},
      {"[[api.key]]\nname = \"web\"\nscopes = [\"root\"]\nsecret = \"an-api-key-of-the-web-application-0001\"\n",
       "error    gatecast.toml:3:1: api.key[0].scopes: must be one of publish, presence, history, connections, users, "
       "sessions, "
       "mint, events, doctor, audit, grants, notify, all, is \"root\"\n"
       "         What the key may do.\n"},
      {"[ops]\naddress = \"0.0.0.0:9090\"\n",
       "warning  gatecast.toml:2:1: ops.address: the operators' port is open to the network, and /metrics and /stats "
       "need no key\n         Listen on 127.0.0.1, or keep others out with a firewall.\n"},
  };
  for (const Case& c : cases) EXPECT_EQ(listing(load_text(c.text + keys())), c.finding) << c.text;
}

TEST(Config, AllErrorsAtOnceAsInTheGoldenFile) {
  Loaded loaded = load_text(R"([http]
adress = "0.0.0.0:80"
body_bytes = "1KX"
[limits]
channels = 0
[realtime]
insecure = true
[[token.key]]
algorithm = "HS256"
secret = "your-secret-key"
[[session.key]]
secret = "\"9f8e7d6c5b4a39281706f5e4d3c2b1a0\""
[ops]
address = "0.0.0.0:9090"
)");
  EXPECT_EQ(loaded.errors(), 6u);
  EXPECT_EQ(loaded.warnings(), 1u);
  expect_golden("/tests/golden/config_errors.txt", listing(loaded));
}

TEST(Config, SyntaxErrorsHaveAPlaceAndHideNothingElse) {
  Loaded loaded = load_text("[http]\naddress = \"127\n");
  ASSERT_EQ(loaded.findings.size(), 1u) << listing(loaded);
  EXPECT_TRUE(loaded.findings[0].where.starts_with("gatecast.toml:2:")) << loaded.findings[0].where;
  EXPECT_TRUE(loaded.findings[0].text.starts_with("not TOML: ")) << loaded.findings[0].text;
}

TEST(Config, AFileCutAnywhereIsReadOrRefused) {
  std::string text = render_default() + keys();
  for (std::size_t cut = 0; cut <= text.size(); cut += 7) load_text(text.substr(0, cut));
  text = keys() + "[[api.key]]\nname = \"web\"\nscopes = [\"all\"]\nuse_until = 2027-01-31T00:00:00Z\n";
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    Loaded loaded = load_text(text.substr(0, cut));
    EXPECT_FALSE(loaded.ok() && cut < keys().size() - 2) << cut;
  }
}

TEST(ConfigPrint, ShowHasEveryKeyItsOriginAndNoSecret) {
  Loaded loaded = load_text(keys() + "[http]\naddress = \"127.0.0.1:1\"\n");
  std::string shown = render_show(loaded);
  EXPECT_EQ(shown.find(kTokenSecret), std::string::npos);
  EXPECT_EQ(shown.find(kSessionSecret), std::string::npos);
  EXPECT_NE(shown.find("session.key[0] fingerprint"), std::string::npos);
  EXPECT_NE(shown.find(loaded.config.session.keys[0].fingerprint), std::string::npos);
  std::istringstream lines(shown);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("http.address ")) {
      EXPECT_TRUE(line.ends_with("  gatecast.toml:7:1")) << line;
    }
  }
  for (const Row& row : rows()) {
    if (array_of(row.path) == nullptr) {
      EXPECT_NE(shown.find(std::string(row.path) + " "), std::string::npos) << row.path;
    }
  }
}

TEST(ConfigPrint, DefaultIsGoldenAndLoadsAsTheDefaults) {
  expect_golden("/tests/golden/config_default.toml", render_default());
  Loaded loaded = load_text(render_default() + keys());
  EXPECT_EQ(listing(loaded), "");
  Loaded bare = load_text(keys());
  for (const Row& row : rows()) {
    if (array_of(row.path) == nullptr) {
      EXPECT_EQ(show(row.at(loaded.config, 0)), show(row.at(bare.config, 0))) << row.path;
    }
  }
}

TEST(ConfigPrint, ReferenceIsTheOneInTheRepository) { expect_golden("/docs/configuration.md", render_reference()); }

TEST(ConfigTable, RowsAreWellFormed) {
  Config config;
  for (const ArrayRow& array : arrays()) array.resize(config, 1);
  for (const Row& row : rows()) {
    EXPECT_TRUE(row.help.ends_with('.')) << row.path;
    std::string_view parent = row.path.substr(0, row.path.rfind('.'));
    EXPECT_TRUE(is_section(parent) || find_array(parent) != nullptr) << row.path;
    if (std::holds_alternative<std::uint32_t*>(row.at(config, 0))) {
      EXPECT_LE(row.max, std::int64_t{4'294'967'295}) << row.path;
    }
    // A default that its own row refuses could not be written down.
    Raw raw{.from_text = true};
    std::string text = show(row.at(config, 0));
    if (text.starts_with('[') || text == "\"\"" || row.required) continue;
    raw.value = text.starts_with('"') ? text.substr(1, text.size() - 2) : text;
    Config other;
    for (const ArrayRow& array : arrays()) array.resize(other, 1);
    EXPECT_EQ(assign(row, row.at(other, 0), raw), "") << row.path;
    EXPECT_EQ(show(row.at(other, 0)), text) << row.path;
  }
}

TEST(ConfigValue, DurationsAndSizes) {
  EXPECT_EQ(parse_duration("250ms"), Millis{250});
  EXPECT_EQ(parse_duration("30d"), std::chrono::hours{720});
  EXPECT_EQ(parse_duration("0s"), Millis{0});
  for (const char* bad : {"", "5", "s", "-5s", "+5s", "5 s", "5S", "1.5h", "99999999999999999d", "5ss"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
  for (const char* same : {"1ms", "90s", "5m", "36h", "30d", "0s"})
    EXPECT_EQ(format_duration(*parse_duration(same)), same);
  EXPECT_EQ(parse_size("64KB"), 65536u);
  EXPECT_EQ(parse_size("8GB"), std::uint64_t{8} << 30);
  for (const char* bad : {"", "64K", "64kb", "KB", "-1KB", "99999999999GB"}) EXPECT_FALSE(parse_size(bad)) << bad;
  for (const char* same : {"1B", "1536B", "64KB", "8MB", "0B"}) EXPECT_EQ(format_size(*parse_size(same)), same);
}

TEST(ConfigTable, NearestAndDistance) {
  EXPECT_EQ(edit_distance("abc", "abc"), 0u);
  EXPECT_EQ(edit_distance("abc", "acb"), 1u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(nearest_path("token.acess_ttl"), "token.access_ttl");
  EXPECT_EQ(nearest_path("limits.ping"), "realtime.ping");
  EXPECT_EQ(nearest_path("quux.frobnicate"), "");
}

TEST(ConfigAddress, Forms) {
  std::string host;
  std::uint16_t port = 0;
  EXPECT_TRUE(split_address("[::1]:65535", host, port));
  EXPECT_EQ(host, "::1");
  EXPECT_EQ(port, 65535);
  EXPECT_TRUE(split_address("0.0.0.0:0", host, port));
  for (const char* bad :
       {"", ":80", "80", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "::1:80", "[1.2.3.4]:80", "a:1", "1.2.3.4:8x"}) {
    EXPECT_FALSE(split_address(bad, host, port)) << bad;
  }
}

}  // namespace
}  // namespace gatecast::server
