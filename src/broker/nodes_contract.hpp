// What every form of Nodes must do: one suite, run on each implementation.
//
// Place: included by an implementation's test, which says INSTANTIATE_TEST_SUITE_P(Name, NodesContract, Values(make)).
// A harness makes nodes that share something, lets time pass, and breaks what joins them.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>

#include "broker/nodes.hpp"

namespace gatecast::broker {

class NodesHarness {
 public:
  virtual ~NodesHarness() = default;
  /// A node that is not started yet.
  virtual Nodes& add(const std::string& id, const std::string& name) = 0;
  virtual void start(Nodes& nodes, std::string facts) = 0;
  /// Turns until `so`; false where it does not come to be for a long time.
  virtual bool until(const std::function<bool()>& so) = 0;
  /// Lets that much time pass at least.
  virtual void pass(Duration time) = 0;
  /// The node hears nothing and is not heard, until `mend`.
  virtual void cut(Nodes& nodes) = 0;
  virtual void mend(Nodes& nodes) = 0;
  /// Runs a task on the node's loop; what `until` waits for is its end.
  virtual void run(Nodes& nodes, Task<void> task) = 0;
};

class NodesContract : public testing::TestWithParam<std::function<std::unique_ptr<NodesHarness>()>> {
 protected:
  static constexpr Duration kSecond = std::chrono::seconds{1};
  using Answers = std::vector<NodeAnswer>;

  Nodes& node(const std::string& id, const std::string& name = "n") {
    auto& nodes = harness_->add(id, name);
    nodes.on("echo", [id](std::string from, std::string body) { return echo(id, std::move(from), std::move(body)); });
    nodes.on("refuse", [](std::string, std::string) { return refuse(); });
    return nodes;
  }
  void start(Nodes& nodes, std::string facts = "{}") { harness_->start(nodes, std::move(facts)); }
  bool until(const std::function<bool()>& so) { return harness_->until(so); }
  bool all_know(std::initializer_list<Nodes*> nodes) {
    return until([&] {
      return std::ranges::all_of(nodes, [&](Nodes* n) { return n->all().size() == nodes.size() && n->in_touch(); });
    });
  }
  Answers ask(Nodes& nodes, std::string kind, std::string body, Duration at_most = kSecond, std::string whom = {}) {
    std::optional<Answers> answers;
    harness_->run(nodes, keep(nodes, std::move(kind), std::move(body), at_most, std::move(whom), answers));
    EXPECT_TRUE(until([&] { return answers.has_value(); }));
    return answers.value_or(Answers{});
  }
  static Task<void> keep(Nodes& nodes, std::string kind, std::string body, Duration at_most, std::string whom,
                         std::optional<Answers>& into) {
    into.emplace(co_await nodes.ask(std::move(kind), std::move(body), at_most, std::move(whom)));
  }
  static Task<Result<std::string>> echo(std::string id, std::string from, std::string body) {
    co_return fmt::format("{} heard {} of {}", id, body, from);
  }
  static Task<Result<std::string>> refuse() { co_return fail(Errc::not_found, "of this side"); }

  std::unique_ptr<NodesHarness> harness_ = GetParam()();
};

TEST_P(NodesContract, KnowEachOtherAtOnceAndWhatEachSaysOfItself) {
  auto& a = node("a-1", "one");
  auto& b = node("b-2", "two");
  start(a, R"({"of":"a"})");
  ASSERT_TRUE(all_know({&a}));
  start(b, R"({"of":"b"})");
  ASSERT_TRUE(all_know({&a, &b}));
  const auto seen = a.all();
  EXPECT_EQ(seen[0].id, "a-1");
  EXPECT_EQ(seen[0].heard, Duration::zero());
  EXPECT_EQ(seen[1].id, "b-2");
  EXPECT_EQ(seen[1].name, "two");
  EXPECT_EQ(seen[1].facts, R"({"of":"b"})");
  EXPECT_EQ(b.all()[1].facts, R"({"of":"a"})");
}

TEST_P(NodesContract, AQuestionHasTheAnswerOfEachOther) {
  auto& a = node("a");
  auto& b = node("b");
  auto& c = node("c");
  for (auto* n : {&a, &b, &c}) start(*n);
  ASSERT_TRUE(all_know({&a, &b, &c}));
  auto answers = ask(a, "echo", "x\ny");
  ASSERT_EQ(answers.size(), 2u);
  std::ranges::sort(answers, {}, &NodeAnswer::node);
  EXPECT_EQ(answers[0].body.value_or(""), "b heard x\ny of a");
  EXPECT_EQ(answers[1].body.value_or(""), "c heard x\ny of a");
  const auto one = ask(a, "echo", "z", kSecond, "c");
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].body.value_or(""), "c heard z of a");
}

TEST_P(NodesContract, ARefusalIsTheAskersByItsCode) {
  auto& a = node("a");
  auto& b = node("b");
  start(a);
  start(b);
  ASSERT_TRUE(all_know({&a, &b}));
  const auto refused = ask(a, "refuse", "");
  ASSERT_EQ(refused.size(), 1u);
  ASSERT_FALSE(refused[0].body);
  EXPECT_EQ(refused[0].body.error().code, Errc::not_found);
  const auto unknown = ask(a, "of_a_newer_version", "");
  ASSERT_EQ(unknown.size(), 1u);
  ASSERT_FALSE(unknown[0].body);
  EXPECT_EQ(unknown[0].body.error().code, Errc::not_available);
}

TEST_P(NodesContract, WordReachesTheOthersInOrderAndNotWhoSaysIt) {
  auto& a = node("a");
  auto& b = node("b");
  std::vector<std::string> heard;
  const auto hear = [&heard](std::string from, std::string body) -> Task<Result<std::string>> {
    heard.push_back(from + ":" + body);
    return refuse();
  };
  a.on("word", hear);
  b.on("word", hear);
  start(a);
  start(b);
  ASSERT_TRUE(all_know({&a, &b}));
  std::vector<std::string> expected;
  for (int i = 0; i < 50; ++i) {
    a.tell("word", std::to_string(i));
    expected.push_back("a:" + std::to_string(i));
  }
  ASSERT_TRUE(until([&] { return heard.size() >= 50; }));
  EXPECT_EQ(heard, expected);
}

TEST_P(NodesContract, AnAnswerLargerThanAMessageComesWhole) {
  auto& a = node("a");
  auto& b = node("b");
  std::string large;
  while (large.size() < 3 * Nodes::kMessageBytesMax) large += fmt::format("{},", large.size());
  const auto give = [](std::string text) -> Task<Result<std::string>> { co_return text; };
  b.on("large", [&large, give](std::string, std::string) { return give(large); });
  start(a);
  start(b);
  ASSERT_TRUE(all_know({&a, &b}));
  const auto answers = ask(a, "large", "", 10 * kSecond);
  ASSERT_EQ(answers.size(), 1u);
  ASSERT_TRUE(answers[0].body);
  EXPECT_TRUE(*answers[0].body == large);
  const auto too_much = ask(a, "echo", std::string(Nodes::kMessageBytesMax, 'x'));
  ASSERT_EQ(too_much.size(), 1u);
  EXPECT_EQ(too_much[0].body.error().code, Errc::body_too_large);
}

TEST_P(NodesContract, WhoDoesNotAnswerInTimeIsNamed) {
  auto& a = node("a");
  auto& b = node("b");
  auto& c = node("c");
  for (auto* n : {&a, &b, &c}) start(*n);
  ASSERT_TRUE(all_know({&a, &b, &c}));
  harness_->cut(c);
  std::optional<Answers> answers;
  harness_->run(a, keep(a, "echo", "", kSecond / 2, {}, answers));
  harness_->pass(kSecond / 2);
  ASSERT_TRUE(until([&] { return answers.has_value(); }));
  std::ranges::sort(*answers, {}, &NodeAnswer::node);
  ASSERT_EQ(answers->size(), 2u);
  EXPECT_TRUE((*answers)[0].body);
  ASSERT_FALSE((*answers)[1].body);
  EXPECT_EQ((*answers)[1].body.error().code, Errc::temporarily_unavailable);
  EXPECT_EQ((*answers)[1].node, "c");
}

TEST_P(NodesContract, WhoStopsIsGoneAtOnceAndEveryQuestionOfItIsAnswered) {
  auto& a = node("a");
  auto& b = node("b");
  int changes = 0;
  a.on_change([&changes] { ++changes; });
  start(a);
  start(b);
  ASSERT_TRUE(all_know({&a, &b}));
  std::optional<Answers> answers;
  harness_->cut(a);  // nobody hears the question
  harness_->run(b, keep(b, "echo", "", 60 * kSecond, {}, answers));
  harness_->mend(a);
  ASSERT_TRUE(all_know({&a, &b}));
  harness_->run(b, b.stop());
  ASSERT_TRUE(until([&] { return answers.has_value() && a.all().size() == 1; }));
  EXPECT_GT(changes, 1);
}

TEST_P(NodesContract, WhoIsCutOffIsGoneForTheOthersAfterItKnowsItselfAndComesBack) {
  auto& a = node("a");
  auto& b = node("b");
  int lost = 0;
  a.on_lost([&lost] { ++lost; });
  b.on_lost([&lost] { lost += 100; });
  start(a);
  start(b);
  ASSERT_TRUE(all_know({&a, &b}));
  harness_->cut(b);
  bool early = false;  // a took it for gone before it knew
  ASSERT_TRUE(until([&] {
    early = early || (a.all().size() == 1 && b.in_touch());
    return !b.in_touch();
  }));
  ASSERT_TRUE(until([&] { return a.all().size() == 1; }));
  EXPECT_FALSE(early);
  EXPECT_TRUE(a.in_touch());
  ASSERT_TRUE(until([&] {
    lost = 0;
    return true;
  }));
  harness_->mend(b);
  ASSERT_TRUE(all_know({&a, &b}));
  ASSERT_TRUE(until([&] { return lost > 100; })) << "each side may have missed word: " << lost;
}

}  // namespace gatecast::broker
