// keys new|activate|retire over a folder, and the doctor, at the command line.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "app/actions.hpp"
#include "crypto/random.hpp"

namespace gatecast::app {
namespace {

struct Outcome {
  int code;
  std::string out, err;
};

class KeyCommandsTest : public testing::Test {
 protected:
  KeyCommandsTest() { std::filesystem::create_directories(folder_); }
  ~KeyCommandsTest() override { std::filesystem::remove_all(folder_); }
  Outcome run(std::vector<std::string> arguments) {
    arguments.push_back("--set");
    arguments.push_back("data.dir=" + folder_.string());
    std::ostringstream out, err;
    const int code = run_command(arguments, Io{out, err, environment_, {}});
    return {code, out.str(), err.str()};
  }
  std::string made(const std::string& algorithm) {
    const Outcome outcome = run({"keys", "new", "--algorithm", algorithm});
    EXPECT_EQ(outcome.code, kFine) << outcome.err;
    return outcome.out.substr(0, outcome.out.find('\n'));
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("gatecast-key-commands-" + crypto::random_id(8));
  std::vector<std::pair<std::string, std::string>> environment_{};
};

TEST_F(KeyCommandsTest, ARotationFromTheFirstKeyToItsEnd) {
  const std::string first = made("EdDSA");
  EXPECT_EQ(run({"keys", "activate", first}).code, kFine);
  const std::string second = made("RS256");
  const Outcome waiting = run({"keys", "list"});
  EXPECT_NE(waiting.out.find("waiting  " + second), std::string::npos) << waiting.out;
  EXPECT_NE(waiting.out.find("active   " + first), std::string::npos);
  const Outcome activated = run({"keys", "activate", second});
  EXPECT_NE(activated.out.find(first + " verifies until "), std::string::npos) << activated.out;
  const Outcome listed = run({"keys", "list"});
  EXPECT_NE(listed.out.find("leaving  " + first), std::string::npos) << listed.out;
  // The ring's line differs: another key signs.
  const auto ring = [](const std::string& text) { return text.substr(text.find("\nring ")); };
  EXPECT_NE(ring(waiting.out), ring(listed.out));

  const Outcome refused = run({"keys", "retire", second});
  EXPECT_EQ(refused.code, kFailed);
  EXPECT_NE(refused.err.find("activate another first"), std::string::npos) << refused.err;
  EXPECT_EQ(run({"keys", "retire", first, "--now"}).code, kFine);
  EXPECT_NE(run({"keys", "list"}).out.find("retired  " + first), std::string::npos);
  EXPECT_EQ(run({"keys", "activate", "nobody"}).code, kFailed);
  EXPECT_EQ(run({"keys", "new", "--algorithm", "none"}).code, kUsage);
}

TEST_F(KeyCommandsTest, TheFolderIsEnoughToStartWith) {
  environment_ = {{"GATECAST_SESSION__KEY", "[{\"secret\":\"9f8e7d6c5b4a39281706f5e4d3c2b1a00918273645546372\"}]"}};
  EXPECT_NE(run({"config", "check"}).out.find("token.key: no key"), std::string::npos);
  const std::string kid = made("ES256");
  EXPECT_NE(run({"config", "check"}).out.find("token.key: no key"), std::string::npos) << "a waiting key signs nothing";
  EXPECT_EQ(run({"keys", "activate", kid}).code, kFine);
  const Outcome checked = run({"config", "check"});
  EXPECT_EQ(checked.code, kFine) << checked.out;
}

TEST_F(KeyCommandsTest, TheDoctorSaysWhatIsWrong) {
  const Outcome sick = run({"token", "doctor", "Bearer a.b"});
  EXPECT_EQ(sick.code, kFailed);
  EXPECT_NE(sick.out.find("wrong  form_bearer: "), std::string::npos) << sick.out;
  EXPECT_NE(sick.out.find("wrong  form_truncated: "), std::string::npos);
}

}  // namespace
}  // namespace gatecast::app
