#include "http/route.hpp"

#include <gtest/gtest.h>

#include "schema/routes.hpp"

namespace gatecast::http {
namespace {

using Kind = RouteMatch::Kind;

Router table(std::string base = {}) {
  Router router(std::move(base));
  router.add("GET", "/sessions", 0);
  router.add("DELETE", "/sessions/{id}", 1);
  router.add("POST", "/sessions/all", 2);
  router.add("GET", "/a/{x}/b/{y}", 3);
  router.add("POST", "/sessions", 4);
  router.add("GET", "/", 5);
  router.add("OPTIONS", "/cors", 6);
  return router;
}

TEST(Router, FindsLiteralsAndParameters) {
  const Router router = table();
  EXPECT_EQ(router.match("GET", "/sessions").index, 0u);
  EXPECT_EQ(router.match("POST", "/sessions").index, 4u);
  EXPECT_EQ(router.match("GET", "/").index, 5u);
  const auto one = router.match("DELETE", "/sessions/s 1");
  ASSERT_EQ(one.kind, Kind::found);
  EXPECT_EQ(one.index, 1u);
  EXPECT_EQ(one.param("id"), "s 1");
  EXPECT_EQ(one.param("other"), "");
  const auto two = router.match("GET", "/a/1/b/2");
  ASSERT_EQ(two.kind, Kind::found);
  EXPECT_EQ(two.param("x"), "1");
  EXPECT_EQ(two.param("y"), "2");
}

TEST(Router, ALiteralWins) {
  const Router router = table();
  EXPECT_EQ(router.match("POST", "/sessions/all").index, 2u);
  EXPECT_EQ(router.match("DELETE", "/sessions/all").kind, Kind::method_not_allowed);
}

TEST(Router, FindsNothing) {
  const Router router = table();
  for (const std::string_view path : {"", "*", "sessions", "/Sessions", "/sessions/", "/sessions//", "/sessions/1/2",
                                      "//sessions", "/a//b/2", "/a/1/b/", "/a/1/c/2", "/a/1/b", "/sessionsx"}) {
    EXPECT_EQ(router.match("GET", path).kind, Kind::not_found) << path;
  }
}

TEST(Router, NamesTheAllowedMethods) {
  const Router router = table();
  const auto match = router.match("PUT", "/sessions");
  EXPECT_EQ(match.kind, Kind::method_not_allowed);
  EXPECT_EQ(match.allow, "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(router.match("get", "/sessions").kind, Kind::method_not_allowed);
  EXPECT_EQ(router.match("GET", "/cors").allow, "OPTIONS");
}

TEST(Router, GetServesHead) {
  const Router router = table();
  const auto match = router.match("HEAD", "/sessions");
  EXPECT_EQ(match.kind, Kind::found);
  EXPECT_EQ(match.index, 0u);
  EXPECT_EQ(router.match("HEAD", "/sessions/1").kind, Kind::method_not_allowed);
}

TEST(Router, ShowsOptionsToTheCaller) {
  const Router router = table();
  const auto match = router.match("OPTIONS", "/sessions/7");
  EXPECT_EQ(match.kind, Kind::options);
  EXPECT_EQ(match.allow, "DELETE, OPTIONS");
  EXPECT_EQ(router.route_of("DELETE", "/sessions/7"), 1u);
  EXPECT_EQ(router.route_of("GET", "/sessions/7"), std::nullopt);
  EXPECT_EQ(router.route_of("GET", "/none"), std::nullopt);
  EXPECT_EQ(router.match("OPTIONS", "/cors").kind, Kind::found);
  EXPECT_EQ(router.match("OPTIONS", "/none").kind, Kind::not_found);
}

TEST(Router, StripsTheBasePath) {
  const Router router = table("/gate");
  EXPECT_EQ(router.match("GET", "/gate/sessions").index, 0u);
  EXPECT_EQ(router.match("GET", "/gate/").index, 5u);
  EXPECT_EQ(router.match("DELETE", "/gate/sessions/9").param("id"), "9");
  for (const std::string_view path : {"/sessions", "/gate", "/gatesessions", "/gate2/sessions", "/"}) {
    EXPECT_EQ(router.match("GET", path).kind, Kind::not_found) << path;
  }
  EXPECT_EQ(router.match("DELETE", "/gatexsessions/5/").kind, Kind::not_found);
}

TEST(Router, TakesTheRouteTable) {
  Router router;
  for (std::size_t i = 0; i < kRoutes.size(); ++i) {
    if (kRoutes[i].port == Port::public_) router.add(kRoutes[i].method, kRoutes[i].path, i);
  }
  for (std::size_t i = 0; i < kRoutes.size(); ++i) {
    if (kRoutes[i].port != Port::public_) continue;
    const auto match = router.match(kRoutes[i].method, kRoutes[i].path);
    EXPECT_EQ(match.kind, Kind::found) << kRoutes[i].path;
    EXPECT_EQ(match.index, i) << kRoutes[i].path;
  }
}

TEST(RouterDeathTest, AFaultyTableAborts) {
  EXPECT_DEATH(Router("/x/"), "");
  EXPECT_DEATH(Router("x"), "");
  EXPECT_DEATH(Router().add("GET", "x", 0), "");
  EXPECT_DEATH(Router().add("GET", "/{}", 0), "");
  EXPECT_DEATH(Router().add("GET", "/{a", 0), "");
  EXPECT_DEATH(Router().add("GET", "/a}", 0), "");
  EXPECT_DEATH(table().add("GET", "/sessions", 9), "");
}

}  // namespace
}  // namespace gatecast::http
