#include "core/file_write.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace gatecast {
namespace {

class FileWriteTest : public ::testing::Test {
 protected:
  FileWriteTest() {
    std::string pattern = ::testing::TempDir() + "/gatecast-file-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/kept";
    draft_ = folder_ + "/kept.new";
  }
  ~FileWriteTest() override { std::filesystem::remove_all(folder_); }
  static void put(const std::string& path, std::string_view text) { std::ofstream(path) << text; }
  static std::string text_of(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_), {}));
  }
  Result<void> replace(std::string_view text) {
    const std::string_view parts[] = {text, "", "!"};
    return replace_file(path_, draft_, parts);
  }
  Result<void> create(std::string_view text) {
    const std::string_view parts[] = {text};
    return create_file(path_, draft_, parts);
  }
  std::string folder_, path_, draft_;
};

TEST_F(FileWriteTest, ReplacesWholeAndForThisUserAlone) {
  put(path_, "what was there");
  std::filesystem::permissions(path_, std::filesystem::perms::all);
  ASSERT_TRUE(replace("new").has_value());
  EXPECT_EQ(text_of(path_), "new!");
  struct stat found{};
  ASSERT_EQ(stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
  EXPECT_EQ(files(), 1U);
  const std::string much(3'000'000, 'x');
  ASSERT_TRUE(replace(much).has_value());
  EXPECT_EQ(text_of(path_), much + "!");
}

TEST_F(FileWriteTest, ADraftThatWasLeftIsNoHindranceAndNoWayOut) {
  put(folder_ + "/other", "another's");
  std::filesystem::create_symlink(folder_ + "/other", draft_);
  ASSERT_TRUE(replace("new").has_value());
  EXPECT_EQ(text_of(folder_ + "/other"), "another's");
  EXPECT_EQ(text_of(path_), "new!");
  EXPECT_FALSE(std::filesystem::is_symlink(path_));
}

TEST_F(FileWriteTest, CreatesOnlyWhereTheNameIsFree) {
  ASSERT_TRUE(create("first").has_value());
  const auto second = create("second");
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, Errc::store_conflict);
  EXPECT_EQ(text_of(path_), "first");
  EXPECT_EQ(files(), 1U);
}

TEST_F(FileWriteTest, AFailureLeavesWhatWasThere) {
  std::filesystem::create_directory(path_);
  const auto refused = replace("new");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::store_failed);
  EXPECT_NE(refused.error().detail.find(path_), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_directory(path_));
  EXPECT_EQ(files(), 1U);
  path_ = folder_ + "/missing/kept";
  draft_ = path_ + ".new";
  EXPECT_FALSE(create("new").has_value());
  EXPECT_EQ(files(), 1U);
}

}  // namespace
}  // namespace gatecast
