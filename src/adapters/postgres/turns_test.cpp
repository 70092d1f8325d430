#include "adapters/postgres/turns.hpp"

#include <gtest/gtest.h>

#include "core/manual_loop.hpp"

namespace gatecast::postgres {
namespace {

using namespace std::chrono_literals;

struct Scene {
  ManualClock clock;
  ManualLoop loop{clock};
  Turns turns{loop};
  std::vector<std::string> said;
};

SteadyTime soon() { return std::chrono::steady_clock::now() + 1min; }

/// Takes the turn, says so, and gives it up in a later turn of the loop.
Task<void> take_and_say(Scene& scene, std::string name, std::string what, SteadyTime deadline) {
  auto turn = co_await scene.turns.take(name, deadline);
  scene.said.push_back(turn ? what : "late " + what);
  co_await arrival<bool>([](Resume<bool> resume) { resume(true); });
  if (turn) scene.said.push_back("end " + what);
}

TEST(Turns, OneAtATimeInTheOrderOfAsking) {
  Scene scene;
  for (const char* what : {"a", "b", "c"}) spawn(take_and_say(scene, "user", what, soon()));
  EXPECT_EQ(scene.said, (std::vector<std::string>{"a"}));
  scene.loop.run_until_idle();
  EXPECT_EQ(scene.said, (std::vector<std::string>{"a", "end a", "b", "end b", "c", "end c"}));
}

TEST(Turns, OtherNamesDoNotWait) {
  Scene scene;
  spawn(take_and_say(scene, "one", "a", soon()));
  spawn(take_and_say(scene, "other", "b", soon()));
  EXPECT_EQ(scene.said, (std::vector<std::string>{"a", "b"}));
  scene.loop.run_until_idle();
}

TEST(Turns, WhoIsTooLateIsPassedOver) {
  Scene scene;
  spawn(take_and_say(scene, "user", "a", soon()));
  spawn(take_and_say(scene, "user", "b", std::chrono::steady_clock::now()));
  spawn(take_and_say(scene, "user", "c", soon()));
  // The timer of "b" is due in the first turn, in which "a" still has it.
  scene.loop.turn();
  scene.loop.run_until_idle();
  EXPECT_EQ(std::count(scene.said.begin(), scene.said.end(), "c"), 1);
  EXPECT_EQ(std::count(scene.said.begin(), scene.said.end(), "end c"), 1);
  // What was taken after all that is free again.
  spawn(take_and_say(scene, "user", "d", soon()));
  EXPECT_EQ(scene.said.back(), "d");
  scene.loop.run_until_idle();
}

}  // namespace
}  // namespace gatecast::postgres
