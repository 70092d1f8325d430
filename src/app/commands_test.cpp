#include "app/commands.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "app/actions.hpp"
#include "core/text_form.hpp"
#include "crypto/hash.hpp"
#include "server/config/keys.hpp"
#include "token/issuer.hpp"

namespace gatecast::app {
namespace {

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

class CommandsTest : public testing::Test {
 protected:
  CommandsTest() {
    std::string text = (std::filesystem::temp_directory_path() / "gatecast-commands-XXXXXX").string();
    folder_ = mkdtemp(text.data());
  }
  ~CommandsTest() override { std::filesystem::remove_all(folder_); }

  std::string at(const std::string& name) const { return folder_ + "/" + name; }
  void write(const std::string& name, std::string_view text) const { std::ofstream(at(name)) << text; }
  Outcome run(const std::vector<std::string>& arguments) {
    std::ostringstream out, err;
    Io io{out, err, environment_, [this](server::Loaded loaded) {
            served_ = std::move(loaded);
            return 0;
          }};
    int code = run_command(arguments, io);
    return {code, out.str(), err.str()};
  }

  std::string folder_;
  std::vector<std::pair<std::string, std::string>> environment_{};
  std::optional<server::Loaded> served_{};
};

void expect_golden(const std::string& name, const std::string& text) {
  std::string path = std::string(GATECAST_SOURCE_DIR) + name;
  if (std::getenv("GATECAST_WRITE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ifstream in(path);
  std::ostringstream kept;
  kept << in.rdbuf();
  EXPECT_EQ(kept.str(), text) << "GATECAST_WRITE_GOLDEN=1 gatecast_app_test writes " << name << " anew";
}

TEST_F(CommandsTest, HelpOfEveryCommandIsGolden) {
  std::string all;
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{{},
                                                                                       {"serve"},
                                                                                       {"config"},
                                                                                       {"config", "check"},
                                                                                       {"config", "show"},
                                                                                       {"config", "default"},
                                                                                       {"keys"},
                                                                                       {"keys", "new"},
                                                                                       {"keys", "list"},
                                                                                       {"keys", "activate"},
                                                                                       {"keys", "retire"},
                                                                                       {"apikey"},
                                                                                       {"apikey", "new"},
                                                                                       {"operator"},
                                                                                       {"operator", "new"},
                                                                                       {"token"},
                                                                                       {"token", "inspect"},
                                                                                       {"token", "doctor"},
                                                                                       {"token", "mint"},
                                                                                       {"session"},
                                                                                       {"session", "list"},
                                                                                       {"session", "end"},
                                                                                       {"user"},
                                                                                       {"user", "show"},
                                                                                       {"user", "block"},
                                                                                       {"user", "unblock"},
                                                                                       {"user", "delete"},
                                                                                       {"user", "import"},
                                                                                       {"user", "export"},
                                                                                       {"publish"},
                                                                                       {"audit"},
                                                                                       {"backup"},
                                                                                       {"restore"},
                                                                                       {"healthcheck"},
                                                                                       {"version"},
                                                                                       {"help"}}) {
    auto with_flag = command;
    with_flag.push_back("--help");
    Outcome flag = run(with_flag);
    EXPECT_EQ(flag.code, kFine);
    auto with_word = command;
    with_word.insert(with_word.begin(), "help");
    EXPECT_EQ(run(with_word).out, flag.out);
    all += fmt::format("$ gatecast {}\n{}\n", fmt::join(with_flag, " "), flag.out);
  }
  expect_golden("/tests/golden/help.txt", all);
}

TEST_F(CommandsTest, UsageErrors) {
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"nonsense"}, "gatecast: no command nonsense\nTry: gatecast help\n"},
      {{"srve"}, "gatecast: no command srve\nDid you mean gatecast serve?\n"},
      {{"help", "keys", "burn"}, "gatecast: no command keys burn\nTry: gatecast help\n"},
      {{"apikey", "new"}, "gatecast: NAME is required\nTry: gatecast help\n"},
      {{"apikey", "new", "web", "--scope", "root"},
       "gatecast: no scope root; one of publish, presence, history, connections, users, sessions, mint, events, "
       "doctor, audit, grants, notify, all\n"},
      {{"session", "end"}, "gatecast: give a session's id, or --user USER for all sessions of a user\n"},
      {{"publish", "a", "hello"}, "gatecast: DATA must be JSON: a text needs its quotes, '\"hello\"'\n"},
      {{"operator", "new", "ann", "--role", "root"}, "gatecast: no role root; view or act\n"},
      {{"operator", "new", "1000"},
       "gatecast: a number is no operator's name: in the audit log it is a user of the machine\n"},
      {{"operator", "new", "a\"n"}, "gatecast: a name has 1 to 64 characters of ASCII, without quotes\n"},
      {{"apikey", "new", "we\"b"}, "gatecast: a name has 1 to 64 characters of ASCII, without quotes\n"},
      {{"keys", "new", "--algorithm", "PS256"},
       "gatecast: no algorithm PS256; one of EdDSA, ES256, RS256, HS256, HS384, HS512\n"},
      {{"healthcheck", "--address", "9090"}, "gatecast: 9090 is not an address; write 127.0.0.1:9090\n"},
  };
  for (const auto& [arguments, text] : cases) {
    Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, kUsage) << fmt::format("{}", fmt::join(arguments, " "));
    EXPECT_EQ(outcome.err, text);
    EXPECT_EQ(outcome.out, "");
  }
  EXPECT_EQ(run({}).code, kUsage);
  EXPECT_EQ(run({"serve", "--frobnicate"}).code, kUsage);
  EXPECT_NE(run({"config"}).err.find("default"), std::string::npos);
  EXPECT_FALSE(served_);
}

TEST_F(CommandsTest, VersionAndDefault) {
  EXPECT_TRUE(run({"version"}).out.starts_with("gatecast 0."));
  EXPECT_EQ(run({"--version"}).out, run({"version"}).out);
  EXPECT_EQ(run({"--version"}).code, 0);
  EXPECT_EQ(run({"config", "default"}).out, server::render_default());
}

TEST_F(CommandsTest, ServeStartsOnlyWithoutErrors) {
  Outcome refused = run({"serve"});
  EXPECT_EQ(refused.code, kFailed);
  EXPECT_NE(refused.err.find("token.key: no key"), std::string::npos);
  EXPECT_TRUE(
      refused.err.ends_with("Not started: 2 errors. To try it without a configuration: gatecast serve --dev\n"));
  EXPECT_FALSE(served_);
  environment_ = {{"GATECAST_DATA__DIR", at("data")}};
  Outcome started = run({"serve", "--dev", "--set", "http.address=127.0.0.1:0", "--set", "log.level=warn"});
  EXPECT_EQ(started.code, kFine) << started.err;
  ASSERT_TRUE(served_);
  EXPECT_EQ(served_->config.http.address, "127.0.0.1:0");
  EXPECT_EQ(served_->config.log.level, "warn");
  EXPECT_EQ(served_->config.data.dir, at("data"));
  EXPECT_TRUE(served_->config.dev);
}

TEST_F(CommandsTest, WhatKeysNewPrintsIsAConfiguration) {
  for (const char* algorithm : {"EdDSA", "ES256", "HS256", "HS512"}) {
    std::string file = at(std::string(algorithm) + ".key");
    Outcome made = run({"keys", "new", "--algorithm", algorithm, "--out", file});
    ASSERT_EQ(made.code, kFine) << made.err;
    struct stat st{};
    ASSERT_EQ(stat(file.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777u, 0600u);
    write("gatecast.toml",
          made.out + "[[session.key]]\nsecret = \"9f8e7d6c5b4a39281706f5e4d3c2b1a00918273645546372\"\n");
    Outcome listed = run({"keys", "list", "--config", at("gatecast.toml")});
    EXPECT_EQ(listed.code, kFine) << listed.err;
    std::string print = made.out.substr(made.out.find("# fingerprint ") + 14, 19);
    EXPECT_NE(listed.out.find(print), std::string::npos) << listed.out << print;
    Outcome again = run({"keys", "new", "--algorithm", algorithm, "--out", file});
    EXPECT_EQ(again.code, kFailed);
    EXPECT_NE(again.err.find("A key is never overwritten"), std::string::npos) << again.err;
  }
  Outcome shown = run({"keys", "new", "--algorithm", "HS256"});
  write("gatecast.toml",
        shown.out + "[[session.key]]\nsecret = \"9f8e7d6c5b4a39281706f5e4d3c2b1a00918273645546372\"\n");
  EXPECT_EQ(run({"config", "check", "--strict", "--config", at("gatecast.toml")}).code, kFine);
  EXPECT_TRUE(run({"keys", "new"}).out.starts_with("-----BEGIN PRIVATE KEY-----\n"));
}

TEST_F(CommandsTest, WhatApikeyNewPrintsIsAConfiguration) {
  Outcome made = run({"apikey", "new", "web", "--scope", "publish", "--scope", "connections"});
  ASSERT_EQ(made.code, kFine);
  std::string key = made.out.substr(0, made.out.find('\n'));
  server::LoadOptions options;
  options.text = made.out.substr(made.out.find("[[api.key]]"));
  server::Loaded loaded = server::load(options);
  ASSERT_EQ(loaded.config.api_keys.size(), 1u);
  EXPECT_EQ(loaded.config.api_keys[0].digest, crypto::sha256(key));
  EXPECT_EQ(loaded.config.api_keys[0].scopes, (server::Strings{"publish", "connections"}));
  EXPECT_EQ(run({"apikey", "new", "web"}).out.find(key), std::string::npos);
}

TEST_F(CommandsTest, WhatOperatorNewPrintsIsAConfiguration) {
  Outcome made = run({"operator", "new", "ann", "--role", "act"});
  ASSERT_EQ(made.code, kFine);
  const std::string token = made.out.substr(0, made.out.find('\n'));
  server::LoadOptions options;
  options.text = made.out.substr(made.out.find("[[ops.operator]]"));
  server::Loaded loaded = server::load(options);
  ASSERT_EQ(loaded.config.ops.operators.size(), 1u);
  EXPECT_EQ(loaded.config.ops.operators[0].digest, crypto::sha256(token));
  EXPECT_TRUE(loaded.config.ops.operators[0].may_act());
  EXPECT_NE(run({"operator", "new", "ann"}).out.find("role = \"view\""), std::string::npos);
}

TEST_F(CommandsTest, CheckExitCodes) {
  std::string keys =
      "[[token.key]]\nalgorithm = \"HS256\"\nsecret = \"f3b1c2d4e5a697887766554433221100ffeeddccbbaa9988\"\n"
      "[[session.key]]\nsecret = \"9f8e7d6c5b4a39281706f5e4d3c2b1a00918273645546372\"\n";
  write("fine.toml", keys);
  write("warn.toml", keys + "[ops]\naddress = \"0.0.0.0:9090\"\n");
  write("bad.toml", keys + "[ops]\nadress = \"0.0.0.0:9090\"\n");
  Outcome fine = run({"config", "check", "--strict", "--config", at("fine.toml")});
  EXPECT_EQ(fine.code, kFine);
  EXPECT_TRUE(fine.out.ends_with("\nNothing is wrong.\n")) << fine.out;
  EXPECT_TRUE(fine.out.starts_with("http.address ")) << fine.out;
  EXPECT_EQ(run({"config", "check", "--config", at("warn.toml")}).code, kFine);
  Outcome warned = run({"config", "check", "--strict", "--config", at("warn.toml")});
  EXPECT_EQ(warned.code, kWarned);
  EXPECT_TRUE(warned.out.ends_with("\n0 errors, 1 warning.\n")) << warned.out;
  EXPECT_EQ(run({"config", "check", "--strict", "--config", at("bad.toml")}).code, kFailed);
  EXPECT_EQ(run({"config", "show", "--config", at("fine.toml")}).code, kFine);
  EXPECT_EQ(run({"config", "check", "--dev", "--set", "data.dir=" + at("data")}).code, kFine);
  EXPECT_FALSE(std::filesystem::exists(at("data")));
}

TEST_F(CommandsTest, TokenInspect) {
  write("gatecast.toml",
        "[[token.key]]\nalgorithm = \"HS256\"\nsecret = \"f3b1c2d4e5a697887766554433221100ffeeddccbbaa9988\"\n"
        "[[session.key]]\nsecret = \"9f8e7d6c5b4a39281706f5e4d3c2b1a00918273645546372\"\n");
  server::LoadOptions options;
  options.file = at("gatecast.toml");
  auto ring = server::make_key_ring(server::load(options).config);
  ASSERT_TRUE(ring);
  std::int64_t now = unix_seconds(SystemClock{}.wall());
  auto mint = [&](std::int64_t expires) {
    token::Claims claims{.iss = "gatecast",
                         .aud = {"gatecast"},
                         .exp = expires,
                         .iat = now - 7200,
                         .sub = "u1",
                         .sid = "s1",
                         .jti = "j1"};
    return token::Issuer(*ring).mint(claims).value();
  };
  std::string good = mint(now + 3600 * 5 + 30);
  Outcome seen = run({"token", "inspect", good});
  EXPECT_EQ(seen.code, kFine);
  EXPECT_NE(seen.out.find("\"sub\":\"u1\""), std::string::npos) << seen.out;
  EXPECT_NE(seen.out.find("(in 5 hours)\n"), std::string::npos) << seen.out;
  EXPECT_NE(seen.out.find("(2 hours ago)\n"), std::string::npos) << seen.out;
  EXPECT_NE(seen.out.find("verdict  not checked"), std::string::npos);
  Outcome checked = run({"token", "inspect", good, "--config", at("gatecast.toml")});
  EXPECT_EQ(checked.code, kFine);
  EXPECT_NE(checked.out.find("verdict  good"), std::string::npos) << checked.out;
  Outcome late = run({"token", "inspect", mint(now - 600), "--config", at("gatecast.toml")});
  EXPECT_EQ(late.code, kFailed);
  EXPECT_NE(late.out.find("verdict  token_expired: token expired\n"), std::string::npos) << late.out;
  Outcome foreign = run({"token", "inspect", good, "--config", at("gatecast.toml"), "--set", "token.audience=other"});
  EXPECT_NE(foreign.out.find("verdict  token_audience"), std::string::npos) << foreign.out;
  EXPECT_EQ(run({"token", "inspect", "nonsense"}).code, kFailed);
}

/// One listening socket that answers the first caller with `answer`.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer) {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(fd_, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(fd_, 1);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, answer = std::move(answer)] {
      int client = ::accept(fd_, nullptr, nullptr);
      char buffer[1024];
      auto n = ::recv(client, buffer, sizeof buffer, 0);
      request_.assign(buffer, n > 0 ? static_cast<std::size_t>(n) : 0);
      static_cast<void>(::send(client, answer.data(), answer.size(), MSG_NOSIGNAL));
      ::close(client);
    });
  }
  ~OneAnswer() { join(), ::close(fd_); }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  std::string address() const { return fmt::format("127.0.0.1:{}", port_); }
  const std::string& request() const { return request_; }

 private:
  int fd_;
  std::uint16_t port_ = 0;
  std::string request_{};
  std::thread thread_{};
};

TEST_F(CommandsTest, Healthcheck) {
  {
    OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    Outcome outcome = run({"healthcheck", "--set", "ops.address=" + server.address()});
    EXPECT_EQ(outcome.code, kFine) << outcome.err;
    EXPECT_EQ(outcome.out, "well\n");
    server.join();
    EXPECT_TRUE(server.request().starts_with("GET /healthz HTTP/1.1\r\nHost: " + server.address() + "\r\n"));
  }
  std::string closed;
  const std::pair<std::string, std::string> cases[] = {
      {"HTTP/1.1 503 No\r\n\r\n", "answered 503"},
      {"SSH-2.0-OpenSSH\r\n", "no HTTP answer: another program listens there"},
      {"HTTP/1.1", "Connection reset by peer"}};
  for (const auto& [answer, text] : cases) {
    OneAnswer server(answer);
    Outcome outcome = run({"healthcheck", "--address", server.address()});
    EXPECT_EQ(outcome.code, kFailed);
    EXPECT_EQ(outcome.err, fmt::format("gatecast: {}: {}\n", server.address(), text));
    closed = server.address();
  }
  EXPECT_EQ(run({"healthcheck", "--address", closed}).err, fmt::format("gatecast: {}: Connection refused\n", closed));
}

}  // namespace
}  // namespace gatecast::app
