// What the tests of the configuration share: good secrets, loading from a text, a temporary folder, golden files.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "server/config/load.hpp"

namespace gatecast::server {

inline constexpr std::string_view kTokenSecret = "f3b1c2d4e5a697887766554433221100ffeeddccbbaa9988";
inline constexpr std::string_view kSessionSecret = "9f8e7d6c5b4a39281706f5e4d3c2b1a00918273645546372";

/// What every valid configuration needs.
inline std::string keys() {
  return fmt::format("[[token.key]]\nalgorithm = \"HS256\"\nsecret = \"{}\"\n[[session.key]]\nsecret = \"{}\"\n",
                     kTokenSecret, kSessionSecret);
}
inline Loaded load_text(std::string text, bool dev = false) {
  LoadOptions options;
  options.text = std::move(text);
  options.dev = dev;
  options.make_dev_keys = false;
  return load(options);
}
inline std::string listing(const Loaded& loaded) { return render_findings(loaded.findings); }

class Folder {
 public:
  Folder() {
    std::string text = (std::filesystem::temp_directory_path() / "gatecast-config-XXXXXX").string();
    path_ = mkdtemp(text.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string at(const std::string& name) const { return path_ + "/" + name; }
  void write(const std::string& name, std::string_view text) const {
    std::filesystem::create_directories(std::filesystem::path(at(name)).parent_path());
    std::ofstream(at(name), std::ios::binary) << text;
  }

 private:
  std::string path_;
};

inline void expect_golden(const std::string& name, const std::string& text) {
  std::string path = std::string(GATECAST_SOURCE_DIR) + name;
  if (std::getenv("GATECAST_WRITE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ifstream in(path);
  std::ostringstream kept;
  kept << in.rdbuf();
  EXPECT_EQ(kept.str(), text) << "GATECAST_WRITE_GOLDEN=1 gatecast_server_test writes " << name << " anew";
}

}  // namespace gatecast::server
