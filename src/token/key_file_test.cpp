#include "token/key_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace gatecast::token {
namespace {

class KeyFile : public testing::Test {
 protected:
  KeyFile() {
    std::string name = (std::filesystem::temp_directory_path() / "gatecast-key-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~KeyFile() override { std::filesystem::remove_all(folder_); }
  std::string path(std::string_view name) const { return (folder_ / name).string(); }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_), {}));
  }

  std::filesystem::path folder_;
};

TEST_F(KeyFile, AGeneratedKeyIsPrivateAndLoadsAgain) {
  for (const Algorithm a : {Algorithm::eddsa, Algorithm::es256}) {
    const std::string file = path(name(a));
    const mode_t before = ::umask(0);
    const auto made = generate_key_file(file, a);
    ::umask(before);
    ASSERT_TRUE(made) << made.error().detail;
    struct stat info{};
    ASSERT_EQ(::stat(file.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0600U);
    const auto loaded = load_key_file(file, "named");
    ASSERT_TRUE(loaded) << loaded.error().detail;
    EXPECT_EQ(loaded->kid(), "named");
    EXPECT_EQ(loaded->fingerprint(), made->fingerprint());
    EXPECT_TRUE(made->verify("x", loaded->sign("x")));
  }
  EXPECT_EQ(files(), 2U) << "nothing temporary stays";
}

TEST_F(KeyFile, AKeyIsNeverOverwritten) {
  const std::string file = path("token.pem");
  const auto first = generate_key_file(file, Algorithm::eddsa);
  ASSERT_TRUE(first);
  const auto second = generate_key_file(file, Algorithm::eddsa);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::store_conflict);
  EXPECT_EQ(load_key_file(file)->kid(), first->kid());
  EXPECT_EQ(files(), 1U);
}

TEST_F(KeyFile, FaultsNameTheFile) {
  const auto code = [](const auto& result, const std::string& file) {
    EXPECT_FALSE(result);
    EXPECT_NE(result.error().detail.find(file), std::string::npos) << result.error().detail;
    return result.error().code;
  };
  EXPECT_EQ(code(load_key_file(path("absent")), path("absent")), Errc::secret_missing);
  EXPECT_EQ(code(read_private_file(folder_.string()), folder_.string()), Errc::secret_missing);
  std::ofstream(path("empty")).flush();
  EXPECT_EQ(code(load_key_file(path("empty")), path("empty")), Errc::secret_missing);
  std::ofstream(path("text")) << "not a key";
  EXPECT_EQ(code(load_key_file(path("text")), path("text")), Errc::key_invalid);
  std::ofstream(path("long")) << std::string(16 * 1024 + 1, 'x');
  EXPECT_EQ(code(load_key_file(path("long")), path("long")), Errc::key_invalid);
  EXPECT_EQ(code(generate_key_file(path("no/folder"), Algorithm::eddsa), path("no/folder")), Errc::store_failed);
  EXPECT_EQ(generate_key_file(path("hs"), Algorithm::hs256).error().code, Errc::config_invalid);
}

TEST_F(KeyFile, BytesAreKeptAsTheyAre) {
  const std::string bytes("a\0b\n", 4);
  ASSERT_TRUE(write_private_file(path("raw"), Secret(bytes)));
  EXPECT_EQ(read_private_file(path("raw"))->expose(), bytes);
}

}  // namespace
}  // namespace gatecast::token
