#include "server/checks/checks.hpp"

#include <set>

#include "server/config/testing.hpp"

namespace gatecast::server {
namespace {

TEST(Checks, EveryRowOfTheTableIsComplete) {
  std::set<std::string_view> ids;
  for (const auto& row : kChecks) {
    EXPECT_TRUE(ids.insert(row.id).second) << row.id << " is there twice";
    EXPECT_NE(row.id.find('.'), std::string_view::npos) << row.id;
    EXPECT_TRUE(row.means.ends_with('.')) << row.id;
    EXPECT_FALSE(row.cure.empty()) << row.id;
  }
}

TEST(Checks, OnlyWhatIsWrongHasACure) {
  EXPECT_EQ(check_ok("data.space", "much").cure, "");
  EXPECT_EQ(check_skip("data.space", "no disk").cure, "");
  EXPECT_NE(check_warn("data.space", "little").cure, "");
  EXPECT_EQ(check_fail("data.space", "none", "Make room.").cure, "Make room.");
}

TEST(Checks, WhatFailsStandsFirstAndTheRestKeepsItsOrder) {
  Checks checks{check_ok("config.value", "a"),   check_skip("config.value", "b"), check_fail("config.value", "c"),
                check_warn("config.value", "d"), check_fail("config.value", "e"), check_ok("config.value", "f")};
  sort_by_need(checks);
  std::string order;
  for (const auto& check : checks) order += check.seen;
  EXPECT_EQ(order, "cedafb");
}

TEST(Checks, LinesForPeople) {
  Check timed = check_ok("live.connect", "there");
  timed.ms = 1.25;
  EXPECT_EQ(render_checks(std::vector{check_fail("data.space", "none", "Make room."), timed}),
            "fail  data.space           none\n"
            "                           cure: Make room.\n"
            "ok    live.connect         there (1.2 ms)\n"
            "\n1 failed, 0 to look at, 1 fine, 0 not looked at.\n");
}

TEST(Checks, JsonIsReadAgain) {
  const Checks checks{check_fail("data.space", "\"none\"", "Make room."), check_ok("store.open", "there")};
  const auto json = checks_json(checks);
  EXPECT_EQ(json, R"([{"id":"data.space","level":"fail","seen":"\"none\"","cure":"Make room."},)"
                  R"({"id":"store.open","level":"ok","seen":"there"}])");
  EXPECT_EQ(checks_json(read_checks(json)), json);
  EXPECT_TRUE(
      read_checks(R"([{"id":"of.another.version","level":"ok","seen":"x"},{"id":"store.open","level":"fine"},1])")
          .empty());
  EXPECT_TRUE(read_checks("no list").empty());
}

TEST(Checks, TheReferenceIsThatOfTheTable) { expect_golden("/docs/doctor.md", render_check_reference()); }

}  // namespace
}  // namespace gatecast::server
