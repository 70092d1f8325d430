#include "server/socket/closed_connections.hpp"

#include <gtest/gtest.h>

namespace gatecast::server {
namespace {

ClosedConnection of(std::string user) { return {.client = std::string(36, 'c'), .user = std::move(user)}; }

std::string users(const ClosedConnections& all, std::size_t most = 100) {
  std::string text;
  all.each([&](const ClosedConnection& closed) {
    text += closed.user + " ";
    return --most > 0;
  });
  return text;
}

TEST(ClosedConnections, TellsTheNewestFirstAndStopsWhenTold) {
  ClosedConnections all(1 << 20);
  EXPECT_EQ(users(all), "");
  for (const char* name : {"a", "b", "c"}) all.note(of(name));
  EXPECT_EQ(users(all), "c b a ");
  EXPECT_EQ(users(all, 2), "c b ");
}

TEST(ClosedConnections, TheOldestGoWhereTheBoundIsReached) {
  ClosedConnections one(1 << 20);
  one.note(of("a"));
  const std::size_t weight = one.bytes();
  ClosedConnections all(3 * weight + weight / 2);
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    all.note(of(name));
    EXPECT_LE(all.bytes(), 3 * weight + weight / 2);
  }
  EXPECT_EQ(users(all), "e d c ");
  // One that is longer takes the place of several.
  const std::string longer(weight, 'x');
  all.note(of(longer));
  EXPECT_EQ(users(all), longer + " e ");
}

TEST(ClosedConnections, KeepsNoneWhereNoneFits) {
  ClosedConnections none(0);
  none.note(of("a"));
  EXPECT_EQ(users(none), "");
  EXPECT_EQ(none.bytes(), 0U);

  ClosedConnections small(sizeof(ClosedConnection));
  small.note(of("a"));
  EXPECT_EQ(small.bytes(), 0U);
}

}  // namespace
}  // namespace gatecast::server
