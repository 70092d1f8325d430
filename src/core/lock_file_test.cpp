#include "core/lock_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace gatecast {
namespace {

class LockFileTest : public ::testing::Test {
 protected:
  LockFileTest() {
    std::string pattern = ::testing::TempDir() + "/gatecast-lock-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~LockFileTest() override { std::filesystem::remove_all(folder_); }
  static unsigned mode_of(const std::string& path) {
    struct stat found{};
    return stat(path.c_str(), &found) == 0 ? found.st_mode & 0777U : 0;
  }
  std::string folder_;
};

TEST_F(LockFileTest, RefusesASecondHolderAndNamesTheFirst) {
  auto first = LockFile::take(folder_ + "/data/lock");
  ASSERT_TRUE(first.has_value()) << first.error().detail;
  auto second = LockFile::take(folder_ + "/data/lock");
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, Errc::data_locked);
  EXPECT_NE(second.error().detail.find(fmt::format("process {}", getpid())), std::string::npos)
      << second.error().detail;
}

TEST_F(LockFileTest, ReleasesWithTheObject) {
  {
    ASSERT_TRUE(LockFile::take(folder_ + "/lock").has_value());
  }
  EXPECT_TRUE(LockFile::take(folder_ + "/lock").has_value());
}

TEST_F(LockFileTest, AMovedLockStaysHeld) {
  auto taken = LockFile::take(folder_ + "/lock");
  ASSERT_TRUE(taken.has_value());
  auto kept = std::make_unique<LockFile>(std::move(*taken));
  EXPECT_EQ(LockFile::take(folder_ + "/lock").error().code, Errc::data_locked);
  kept.reset();
  EXPECT_TRUE(LockFile::take(folder_ + "/lock").has_value());
}

TEST_F(LockFileTest, IsFreeAfterItsHolderWasKilled) {
  const std::string path = folder_ + "/lock";
  int held[2];
  ASSERT_EQ(pipe(held), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto lock = LockFile::take(path);
    const char answer = lock.has_value() ? 'y' : 'n';
    if (write(held[1], &answer, 1) != 1) _exit(1);
    pause();
    _exit(0);
  }
  char answer = 0;
  ASSERT_EQ(read(held[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  auto refused = LockFile::take(path);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().detail.find(fmt::format("process {}", child)), std::string::npos);
  kill(child, SIGKILL);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(LockFile::take(path).has_value());
  close(held[0]);
  close(held[1]);
}

TEST_F(LockFileTest, FolderAndFileAreForThisUserAlone) {
  auto lock = LockFile::take(folder_ + "/a/b/lock");
  ASSERT_TRUE(lock.has_value());
  EXPECT_EQ(mode_of(folder_ + "/a"), 0700U);
  EXPECT_EQ(mode_of(folder_ + "/a/b"), 0700U);
  EXPECT_EQ(mode_of(folder_ + "/a/b/lock"), 0600U);
}

TEST_F(LockFileTest, SaysWhatCannotBeMade) {
  std::ofstream(folder_ + "/file") << "x";
  auto under_a_file = LockFile::take(folder_ + "/file/lock");
  ASSERT_FALSE(under_a_file.has_value());
  EXPECT_EQ(under_a_file.error().code, Errc::store_failed);
  EXPECT_NE(under_a_file.error().detail.find(folder_ + "/file"), std::string::npos);
  EXPECT_FALSE(make_private_folder(folder_ + "/file/deeper").has_value());
  EXPECT_TRUE(make_private_folder(folder_ + "/x//y/").has_value());
  EXPECT_TRUE(std::filesystem::is_directory(folder_ + "/x/y"));
}

}  // namespace
}  // namespace gatecast
