#include "server/config/table.hpp"
#include "server/config/testing.hpp"
#include "server/config/value.hpp"

namespace gatecast::server {
namespace {

TEST(ConfigSources, LaterOnesWin) {
  Folder folder;
  folder.write(
      "base.toml",
      "[http]\naddress = \"10.0.0.1:1\"\nbody_bytes = \"8KB\"\nheader_bytes = \"8KB\"\n[data]\ndir = \"db\"\n");
  folder.write("conf/main.toml",
               "include = [\"../base.toml\"]\n[http]\naddress = \"10.0.0.2:2\"\nquery_token = \"off\"\n" + keys());
  LoadOptions options;
  options.file = folder.at("conf/main.toml");
  options.environment = {{"GATECAST_HTTP__BODY_BYTES", "9KB"},
                         {"GATECAST_HTTP__QUERY_TOKEN", "any"},
                         {"HOME", "/"},
                         {"GATECAST_FAILPOINT_KILL", "x:1"}};
  options.sets = {"http.query_token=off", "pages.enabled=true", "http.allowed_origins=[\"https://a.example\"]"};
  Loaded loaded = load(options);
  ASSERT_EQ(listing(loaded), "");
  EXPECT_EQ(loaded.config.http.address, "10.0.0.2:2");
  EXPECT_EQ(loaded.config.http.header_bytes, 8192u);
  EXPECT_EQ(loaded.config.http.body_bytes, 9216u);
  EXPECT_EQ(loaded.config.http.query_token, "off");
  EXPECT_EQ(loaded.config.http.allowed_origins, Strings{"https://a.example"});
  EXPECT_TRUE(loaded.config.pages.enabled);
  EXPECT_EQ(loaded.origins.at("http.address"), options.file + ":3:1");
  EXPECT_EQ(loaded.origins.at("http.body_bytes"), "environment GATECAST_HTTP__BODY_BYTES");
  EXPECT_EQ(loaded.origins.at("http.query_token"), "--set");
  EXPECT_FALSE(loaded.origins.contains("log.level"));
  // Relative to the file that says it.
  EXPECT_EQ(loaded.config.data.dir, folder.at("db"));
  EXPECT_EQ(loaded.config.store.path, folder.at("db/gatecast.db"));
}

TEST(ConfigSources, KeyFilesAreRelativeToTheFileThatNamesThem) {
  Folder folder;
  folder.write("keys/session.key", std::string(kSessionSecret) + "\n");
  folder.write("main.toml",
               "[[session.key]]\nfile = \"keys/session.key\"\n[[token.key]]\nalgorithm = \"HS256\"\nsecret = \"" +
                   std::string(kTokenSecret) + "\"\n");
  LoadOptions options;
  options.file = folder.at("main.toml");
  Loaded loaded = load(options);
  ASSERT_EQ(listing(loaded), "");
  EXPECT_EQ(loaded.config.session.keys[0].material.expose(), kSessionSecret);
}

TEST(ConfigSources, IncludesThatMeetAreRefused) {
  Folder folder;
  folder.write("a.toml", "include = [\"b.toml\"]\n");
  folder.write("b.toml", "include = \"./a.toml\"\n");
  LoadOptions options;
  options.file = folder.at("a.toml");
  Loaded loaded = load(options);
  ASSERT_EQ(loaded.findings.size(), 1u) << listing(loaded);
  EXPECT_NE(loaded.findings[0].text.find("includes itself"), std::string::npos);
  EXPECT_EQ(loaded.findings[0].where, folder.at("b.toml") + ":1:1");
  options.file = folder.at("none.toml");
  EXPECT_EQ(listing(load(options)), "error    --config: " + options.file +
                                        ": no such file\n         Check the path; a relative "
                                        "one starts at the file that includes it, or at the working folder.\n");
}

TEST(ConfigSources, EveryKeyHasItsVariable) {
  for (const Row& row : rows()) {
    if (array_of(row.path) != nullptr) continue;
    Config defaults;
    std::string text = show(row.at(defaults, 0));
    bool list = text.starts_with('[');
    // What `config default` shows is what the variable takes, without the quotes of a text.
    if (!list && text.starts_with('"')) text = text.substr(1, text.size() - 2);
    if (row.path == "signin.solana.enabled") text = "false";
    LoadOptions options;
    options.text = keys();
    options.environment = {{environment_name(row.path), text}};
    Loaded loaded = load(options);
    EXPECT_EQ(listing(loaded), "") << row.path;
    EXPECT_EQ(loaded.origins.at(std::string(row.path)), "environment " + environment_name(row.path));
  }
  EXPECT_EQ(environment_name("token.key"), "GATECAST_TOKEN__KEY");
}

TEST(ConfigSources, UnknownVariablesAndFlags) {
  const std::pair<std::string, std::string> cases[] = {
      {"GATECAST_HTTP_ADDRESS", "Did you mean GATECAST_HTTP__ADDRESS?"},
      {"GATECAST_TOKEN__ISUER", "Did you mean GATECAST_TOKEN__ISSUER?"},
      {"GATECAST_TOKEN__KEY__SECRET",
       "gatecast config default lists every key; http.address is GATECAST_HTTP__ADDRESS."},
      {"GATECAST_", "gatecast config default lists every key; http.address is GATECAST_HTTP__ADDRESS."},
  };
  for (const auto& [name, cure] : cases) {
    LoadOptions options;
    options.text = keys();
    options.environment = {{name, "x"}};
    EXPECT_EQ(listing(load(options)),
              fmt::format("error    environment {}: unknown variable\n         {}\n", name, cure));
  }
  LoadOptions options;
  options.text = keys();
  options.environment = {{"GATECAST_HTTP__ALLOWED_ORIGINS", "[1"}};
  options.sets = {"http.adress=1", "nothing"};
  EXPECT_EQ(listing(load(options)),
            "error    environment GATECAST_HTTP__ALLOWED_ORIGINS: http.allowed_origins: not JSON: incomplete JSON\n"
            "         Lists and tables in variables are JSON: [{\"name\":\"…\"}]\n"
            "error    --set: \"nothing\" is not KEY=VALUE\n         --set http.address=0.0.0.0:3002\n"
            "error    --set: http.adress: unknown key\n         Did you mean http.address?\n");
}

}  // namespace
}  // namespace gatecast::server
