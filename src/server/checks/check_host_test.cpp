#include "server/checks/check_host.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "server/checks/check_running.hpp"
#include "server/config/testing.hpp"
#include "server/sightings.hpp"

namespace gatecast::server {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
const WallTime kNow = from_unix_seconds(1'800'000'000);

HostFacts good_host() {
  return {
      .data =
          {.path = "/data", .exists = true, .writable = true, .mode = 0700, .system = "ext4", .free_bytes = 9 * kGiB},
      .log = {.path = "/data/logs", .exists = true, .writable = true},
      .descriptors = 100'000,
      .memory_bytes = 16 * kGiB,
      .shards = 2,
      .now = kNow};
}

/// What is not fine: "warn data.space".
std::string wrong(const Checks& checks) {
  std::string out;
  for (const auto& check : checks) {
    if (check.level == CheckLevel::ok) continue;
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", name(check.level), check.id);
  }
  return out;
}

/// What is said of a good machine with one thing changed.
std::string changed(void (*change)(HostFacts&)) {
  auto facts = good_host();
  change(facts);
  return wrong(check_host(Config{}, facts));
}

TEST(CheckHost, AGoodMachineHasNothingToSay) {
  EXPECT_EQ(wrong(check_host(Config{}, good_host())), "");
  EXPECT_EQ(check_host(Config{}, good_host()).size(), 7u);
}

TEST(CheckHost, EachFaultIsNamed) {
  EXPECT_EQ(changed([](HostFacts& f) { f.data.writable = false; }), "fail data.folder");
  EXPECT_EQ(changed([](HostFacts& f) { f.data.mode = 0755; }), "warn data.folder");
  EXPECT_EQ(changed([](HostFacts& f) { f.data.exists = false, f.data.mode = 0755; }), "");
  EXPECT_EQ(changed([](HostFacts& f) { f.data.system = "nfs"; }), "fail data.system");
  EXPECT_EQ(changed([](HostFacts& f) { f.data.system = "tmpfs"; }), "warn data.system");
  EXPECT_EQ(changed([](HostFacts& f) { f.data.system = "overlay"; }), "warn data.system");
  EXPECT_EQ(changed([](HostFacts& f) { f.data.free_bytes = kGiB - 1; }), "warn data.space");
  EXPECT_EQ(changed([](HostFacts& f) { f.data.free_bytes = 1; }), "fail data.space");
  EXPECT_EQ(changed([](HostFacts& f) { f.log.writable = false; }), "fail log.folder");
  EXPECT_EQ(changed([](HostFacts& f) { f.public_port = {.address = "a", .problem = "in use"}; }), "fail port.public");
  EXPECT_EQ(changed([](HostFacts& f) { f.ops_port = {.address = "a", .problem = "in use"}; }), "fail port.ops");
  EXPECT_EQ(changed([](HostFacts& f) { f.ops_port = {.address = "a"}; }), "");
  EXPECT_EQ(changed([](HostFacts& f) { f.descriptors = 1024; }), "warn limits.descriptors");
  EXPECT_EQ(changed([](HostFacts& f) { f.descriptors = 40'255; }), "warn limits.descriptors");
  EXPECT_EQ(changed([](HostFacts& f) { f.descriptors = 40'256; }), "");
  EXPECT_EQ(changed([](HostFacts& f) { f.memory_bytes = kGiB; }), "warn limits.memory");
  EXPECT_EQ(changed([](HostFacts& f) { f.memory_bytes = 0; }), "");
  EXPECT_EQ(changed([](HostFacts& f) { f.now = from_unix_seconds(1000); }), "fail clock.wall");
}

TEST(CheckHost, TheCureFitsTheMachine) {
  auto facts = good_host();
  facts.descriptors = 1024;
  for (const auto& check : check_host(Config{}, facts)) {
    if (check.id != "limits.descriptors") continue;
    EXPECT_NE(check.cure.find("LimitNOFILE=40256"), std::string::npos) << check.cure;
    EXPECT_NE(check.cure.find("limits.connections to 384"), std::string::npos) << check.cure;
  }
}

TEST(LookAtHost, FoldersAsTheyAreAndNothingIsLeft) {
  Folder folder;
  Config config;
  config.data.dir = folder.at("data");
  config.log.dir = folder.at("data/logs");
  auto facts = look_at_host(config, kNow, true);
  EXPECT_FALSE(facts.data.exists);
  EXPECT_TRUE(facts.data.writable) << facts.data.problem;
  EXPECT_FALSE(facts.public_port);
  EXPECT_FALSE(std::filesystem::exists(config.data.dir));
  EXPECT_GT(facts.data.free_bytes, 0u);
  EXPECT_GT(facts.memory_bytes, 0u);
  EXPECT_GT(facts.descriptors, 0u);

  std::filesystem::create_directory(config.data.dir);
  ::chmod(config.data.dir.c_str(), 0750);
  facts = look_at_host(config, kNow, true);
  EXPECT_TRUE(facts.data.exists && facts.data.writable);
  EXPECT_EQ(facts.data.mode, 0750u);
  EXPECT_TRUE(std::filesystem::is_empty(config.data.dir));

  folder.write("file", "x");
  config.data.dir = folder.at("file");
  EXPECT_EQ(look_at_host(config, kNow, true).data.problem, "not a folder");
  config.data.dir = folder.at("file/data");
  EXPECT_FALSE(look_at_host(config, kNow, true).data.writable);
  config.data.dir = "/proc/gatecast";
  EXPECT_FALSE(look_at_host(config, kNow, true).data.writable);
}

RunningFacts good_server() {
  return {.version = "1", .connections_max = 100, .webhook_lag = seconds(0), .keys_age = seconds(0)};
}
std::string after(void (*change)(RunningFacts&)) {
  auto facts = good_server();
  change(facts);
  return wrong(check_running(facts));
}

TEST(CheckRunning, EachFaultIsNamed) {
  EXPECT_EQ(wrong(check_running(good_server())), "");
  EXPECT_EQ(after([](RunningFacts& f) { f.store_problem = "gone"; }), "fail store.answers");
  EXPECT_EQ(after([](RunningFacts& f) { f.out_of_touch = seconds(15); }), "fail revocation.fresh");
  EXPECT_EQ(after([](RunningFacts& f) { f.clock_drift = seconds(-5); }), "warn clock.steps");
  EXPECT_EQ(after([](RunningFacts& f) { f.clock_drift = seconds(3600); }), "warn clock.steps");
  EXPECT_EQ(after([](RunningFacts& f) { f.log_dropped = 1; }), "warn log.dropped");
  EXPECT_EQ(after([](RunningFacts& f) { f.connections = 80; }), "warn limits.connections");
  EXPECT_EQ(after([](RunningFacts& f) { f.webhook_lag = seconds(60); }), "warn webhook.lag");
  EXPECT_EQ(after([](RunningFacts& f) { f.webhook_lag = seconds(3600); }), "fail webhook.lag");
  EXPECT_EQ(after([](RunningFacts& f) { f.keys_age = seconds(7200); }), "warn trusted.age");
  EXPECT_EQ(after([](RunningFacts& f) { f.keys_age = seconds(23 * 3600); }), "fail trusted.age");
  EXPECT_EQ(after([](RunningFacts& f) { f.forwarded_untrusted = 2, f.forwarder = "10.0.0.5"; }),
            "warn proxy.untrusted");
}

class SightingsTest : public testing::Test {
 protected:
  void look(const std::string& peer, http::Headers headers) {
    http::Request request;
    request.headers = std::move(headers);
    seen_.look(request, peer, http::client_ip(peer, request.headers, proxies_), proxies_, false);
  }
  const std::vector<std::string> trusted_{"10.0.0.0/8"};
  const http::TrustedProxies proxies_ = *http::TrustedProxies::parse(trusted_);
  Sightings seen_;
};

TEST_F(SightingsTest, OnlyAStrangersForwardingIsNoted) {
  look("192.0.2.1", {{"Host", "x"}});
  look("10.0.0.5", {{"X-Forwarded-For", "203.0.113.7"}});
  EXPECT_EQ(seen_.forwarder(), "");
  look("192.0.2.1", {{"X-Forwarded-For", "203.0.113.7"}});
  EXPECT_EQ(seen_.forwarder(), "192.0.2.1");
}

TEST_F(SightingsTest, AProbeIsFoundByItsName) {
  look("10.0.0.5",
       {{"User-Agent", "gatecast-doctor/one"}, {"X-Forwarded-For", "203.0.113.7"}, {"X-Forwarded-Proto", "https"}});
  EXPECT_EQ(seen_.forwarder(), "");
  look("192.0.2.1", {{"User-Agent", "gatecast-doctor/two"}, {"X-Forwarded-For", "203.0.113.7"}});
  EXPECT_EQ(seen_.forwarder(), "192.0.2.1");
  const auto one = seen_.find("one");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->peer, "10.0.0.5");
  EXPECT_EQ(one->ip, "203.0.113.7");
  EXPECT_EQ(one->scheme, "https");
  EXPECT_TRUE(one->trusted && one->forwarded);
  const auto two = seen_.find("two");
  ASSERT_TRUE(two);
  EXPECT_EQ(two->ip, "192.0.2.1");
  EXPECT_FALSE(two->trusted);
  EXPECT_FALSE(seen_.find("three"));
  EXPECT_FALSE(seen_.find(""));
}

TEST_F(SightingsTest, OldProbesGoAndLongNamesAreNone) {
  for (std::size_t i = 0; i <= Sightings::kProbesMax; ++i) {
    look("192.0.2.1", {{"User-Agent", fmt::format("gatecast-doctor/{}", i)}});
  }
  EXPECT_FALSE(seen_.find("0"));
  EXPECT_TRUE(seen_.find("1"));
  const std::string longer(Sightings::kNameMax + 1, 'x');
  look("192.0.2.1", {{"User-Agent", "gatecast-doctor/" + longer}});
  EXPECT_FALSE(seen_.find(longer));
}

}  // namespace
}  // namespace gatecast::server
