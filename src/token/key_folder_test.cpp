#include "token/key_folder.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "crypto/random.hpp"

namespace gatecast::token {
namespace {

constexpr std::chrono::seconds kTtl{1800};

class KeyFolderTest : public testing::Test {
 protected:
  ~KeyFolderTest() override { std::filesystem::remove_all(root_); }
  KeyFolder open() const {
    auto folder = KeyFolder::open(path_);
    EXPECT_TRUE(folder) << folder.error().detail;
    return *std::move(folder);
  }
  std::vector<std::string> usable(WallTime at) const {
    std::vector<std::string> ids;
    const auto keys = open().load(at);
    EXPECT_TRUE(keys) << keys.error().detail;
    for (const Key& key : *keys) ids.push_back(key.kid());
    return ids;
  }
  void write_states(const std::string& text) const {
    std::filesystem::create_directories(path_);
    std::ofstream(path_ + "/keys.json") << text;
  }
  using Ids = std::vector<std::string>;

  const std::filesystem::path root_ =
      std::filesystem::temp_directory_path() / ("gatecast-keys-" + crypto::random_id(8));
  const std::string path_ = (root_ / "keys").string();
  const WallTime now_{std::chrono::seconds{1'800'000'000}};
};

TEST_F(KeyFolderTest, AnAbsentFolderIsEmpty) {
  EXPECT_TRUE(open().keys().empty());
  EXPECT_FALSE(open().signs());
  EXPECT_FALSE(std::filesystem::exists(path_)) << "looking makes nothing";
}

TEST_F(KeyFolderTest, AKeyWaitsSignsLeavesAndIsGone) {
  KeyFolder folder = open();
  const std::string a = folder.add(Algorithm::eddsa)->kid;
  EXPECT_EQ(usable(now_), Ids{a}) << "a waiting key verifies";
  EXPECT_FALSE(open().signs());
  ASSERT_TRUE(folder.activate(a, now_, kTtl));
  const std::string b = folder.add(Algorithm::es256)->kid;
  EXPECT_EQ(usable(now_), (Ids{a, b}));
  ASSERT_TRUE(folder.activate(b, now_, kTtl));
  EXPECT_EQ(usable(now_), (Ids{b, a})) << "the active one first";

  const WallTime end = now_ + kTtl + kKeyOverlap;
  EXPECT_EQ(open().keys()[0].use_until, end);
  EXPECT_EQ(usable(end - std::chrono::seconds{1}), (Ids{b, a}));
  EXPECT_EQ(usable(end), Ids{b});
  ASSERT_EQ(open().former(end).size(), 1u);
  EXPECT_EQ(open().former(end)[0].kid(), a);
  const auto loaded = open().load(now_);
  EXPECT_EQ((*loaded)[1].use_until(), end) << "a running ring forgets it by itself";
}

TEST_F(KeyFolderTest, EveryAlgorithmComesBackAsItWas) {
  KeyFolder folder = open();
  for (const Algorithm algorithm : kAlgorithms) {
    const auto made = folder.add(algorithm);
    ASSERT_TRUE(made) << made.error().detail;
  }
  const auto keys = open().load(now_);
  ASSERT_TRUE(keys) << keys.error().detail;
  ASSERT_EQ(keys->size(), std::size(kAlgorithms));
  for (std::size_t i = 0; i < keys->size(); ++i) {
    EXPECT_EQ((*keys)[i].algorithm(), kAlgorithms[i]);
    EXPECT_EQ((*keys)[i].fingerprint(), open().keys()[i].fingerprint);
    EXPECT_TRUE((*keys)[i].can_sign());
  }
}

TEST_F(KeyFolderTest, FilesAreForTheirOwnerOnly) {
  KeyFolder folder = open();
  const auto made = folder.add(Algorithm::eddsa);
  for (const std::string& name : {made->kid + ".pem", std::string("keys.json")}) {
    struct stat status{};
    ASSERT_EQ(::stat((path_ + "/" + name).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << name;
  }
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path_))
    files += entry.path().string().find(".new-") == std::string::npos ? 0 : 1;
  EXPECT_EQ(files, 0u) << "no temporary file stays";
}

TEST_F(KeyFolderTest, RetiringIsGentleUnlessAtOnce) {
  KeyFolder folder = open();
  const std::string a = folder.add(Algorithm::eddsa)->kid;
  const std::string b = folder.add(Algorithm::eddsa)->kid;
  ASSERT_TRUE(folder.activate(a, now_, kTtl));
  EXPECT_EQ(folder.retire(a, false, now_, kTtl).error().code, Errc::store_conflict) << "it signs";
  ASSERT_TRUE(folder.retire(b, false, now_, kTtl));
  EXPECT_EQ(usable(now_), Ids{a}) << "a waiting key has signed nothing";
  EXPECT_EQ(folder.activate(b, now_, kTtl).error().code, Errc::store_conflict) << "it does not come back";
  const std::string c = folder.add(Algorithm::eddsa)->kid;
  ASSERT_TRUE(folder.activate(c, now_, kTtl));
  ASSERT_TRUE(folder.retire(a, false, now_, kTtl));
  EXPECT_EQ(usable(now_), (Ids{c, a})) << "its tokens are still good";
  ASSERT_TRUE(folder.retire(a, true, now_, kTtl));
  EXPECT_EQ(usable(now_), Ids{c});
  ASSERT_TRUE(folder.retire(c, true, now_, kTtl));
  EXPECT_EQ(usable(now_), Ids{});
  EXPECT_FALSE(open().signs());
  EXPECT_EQ(folder.retire("nobody", true, now_, kTtl).error().code, Errc::not_found);
  EXPECT_EQ(folder.activate("nobody", now_, kTtl).error().code, Errc::not_found);
}

TEST_F(KeyFolderTest, TwoCommandsSeeOneAnother) {
  KeyFolder one = open();
  KeyFolder other = open();
  const std::string a = one.add(Algorithm::eddsa)->kid;
  ASSERT_TRUE(other.activate(a, now_, kTtl)) << "it reads before it writes";
  EXPECT_TRUE(open().signs());
}

TEST_F(KeyFolderTest, StatesThatMakeNoSenseAreRefused) {
  for (const char* text : {"", "{", "[]", "{}", R"({"keys":{}})", R"({"keys":[7]})", R"({"keys":[{}]})",
                           R"({"keys":[{"kid":"../../etc/abc","algorithm":"EdDSA","state":"active"}]})",
                           R"({"keys":[{"kid":"aaaaaaaaaaaa","algorithm":"none","state":"active"}]})",
                           R"({"keys":[{"kid":"aaaaaaaaaaaa","algorithm":"EdDSA","state":"good"}]})",
                           R"({"keys":[{"kid":"aaaaaaaaaaaa","algorithm":"EdDSA","state":"active","use_until":"x"}]})",
                           R"({"keys":[{"kid":"aaaaaaaaaaaa","algorithm":"EdDSA","state":"active"},)"
                           R"({"kid":"bbbbbbbbbbbb","algorithm":"EdDSA","state":"active"}]})"}) {
    write_states(text);
    EXPECT_FALSE(KeyFolder::open(path_)) << text;
  }
}

TEST_F(KeyFolderTest, AnotherKeyInTheFileIsRefused) {
  KeyFolder folder = open();
  const auto made = folder.add(Algorithm::eddsa);
  std::ofstream(path_ + "/" + made->kid + ".pem") << Key::generate(Algorithm::eddsa).pem().expose();
  const auto loaded = open().load(now_);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Errc::key_invalid);
}

TEST(RingFingerprint, IsOfTheKeysAndOfWhichOneSigns) {
  const Key a = Key::generate(Algorithm::eddsa), b = Key::generate(Algorithm::es256),
            c = Key::generate(Algorithm::es256);
  const auto of = [](std::vector<Key> keys) { return ring_fingerprint(*KeyRing::make(std::move(keys))); };
  EXPECT_EQ(of({a, b, c}), of({a, c, b}));
  EXPECT_NE(of({a, b}), of({b, a}));
  EXPECT_NE(of({a, b}), of({a, c}));
}

}  // namespace
}  // namespace gatecast::token
