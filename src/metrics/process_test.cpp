#include "metrics/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <vector>

namespace gatecast::metrics {
namespace {

TEST(Process, FactsAreThoseOfThisProcess) {
  const auto before = process_facts();
  EXPECT_GT(before.resident_bytes, 1'000'000u);
  EXPECT_GE(before.virtual_bytes, before.resident_bytes);
  EXPECT_GE(before.threads, 1u);
  EXPECT_GE(before.open_fds, 3u);
  EXPECT_GE(before.max_fds, before.open_fds);
  const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_LE(before.started_at, now + 2);
  EXPECT_GT(before.started_at, now - 3600);

  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  std::jthread other([](const std::stop_token& stop) {
    while (!stop.stop_requested()) std::this_thread::yield();
  });
  std::vector<char> memory(64'000'000, 'x');
  const auto during = process_facts();
  EXPECT_EQ(during.open_fds, before.open_fds + 1);
  EXPECT_EQ(during.threads, before.threads + 1);
  EXPECT_GT(during.resident_bytes, before.resident_bytes + 32'000'000);
  EXPECT_EQ(memory.back(), 'x');
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (process_facts().cpu_seconds <= before.cpu_seconds && std::chrono::steady_clock::now() < end) {
  }
  EXPECT_GT(process_facts().cpu_seconds, before.cpu_seconds);
  ::close(fd);
}

TEST(Process, TextHasEveryFamilyAndTheVersion) {
  const std::string text = process_exposition("1.2.3");
  for (const auto& family : kProcessFamilies) {
    EXPECT_NE(text.find("# HELP " + std::string(family.name) + " "), std::string::npos) << family.name;
  }
  EXPECT_NE(text.find("gatecast_build_info{version=\"1.2.3\"} 1"), std::string::npos) << text;
}

}  // namespace
}  // namespace gatecast::metrics
