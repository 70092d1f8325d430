#include "hub/subscribers.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace gatecast::hub {
namespace {

struct Item {
  std::uint64_t a;
  std::uint64_t b;
  bool operator==(const Item&) const = default;
};

std::vector<Item> all_of(const Subscribers<Item>& list) { return {list.begin(), list.end()}; }

TEST(Subscribers, IsAListWhateverIsAddedAndTakenAway) {
  std::mt19937 random(11);
  for (int run = 0; run < 200; ++run) {
    Subscribers<Item> list;
    std::vector<Item> model;
    for (int step = 0; step < 60; ++step) {
      if (model.empty() || random() % 5 < 3) {
        const Item item{random(), random()};
        list.push_back(item);
        model.push_back(item);
      } else {
        list.pop_back();
        model.pop_back();
      }
      ASSERT_EQ(list.size(), model.size());
      ASSERT_EQ(list.empty(), model.empty());
      ASSERT_EQ(all_of(list), model);
      if (model.empty()) continue;
      EXPECT_EQ(list.back(), model.back());
      const std::size_t at = random() % model.size();
      list[at].b = model[at].b = random();
    }
  }
}

TEST(Subscribers, AddsAnItemOfItsOwn) {
  Subscribers<Item> list;
  list.push_back({1, 2});
  for (int i = 0; i < 10; ++i) list.push_back(list[0]);
  for (const Item& item : all_of(list)) EXPECT_EQ(item, (Item{1, 2}));
}

}  // namespace
}  // namespace gatecast::hub
