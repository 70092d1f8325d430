#include "hub/outbox.hpp"

#include <gtest/gtest.h>

namespace gatecast::hub {
namespace {

Slice slice(std::string_view text) { return whole(BlockRef::copy(text)); }

std::string text_of(const Outbox& box, std::size_t max = 64) {
  std::array<iovec, 64> parts;
  std::string all;
  const auto used = box.gather(parts.data(), max);
  for (std::size_t i = 0; i < used; ++i) all.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  return all;
}

TEST(Outbox, KeepsOrderWhereverTheKernelStops) {
  const std::array<std::string, 4> frames{"first;", "2;", "third frame;", "4;"};
  std::string all;
  for (const auto& f : frames) all += f;
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    Outbox box;
    for (const auto& f : frames) box.put(slice(f));
    EXPECT_EQ(box.bytes(), all.size());
    box.consume(cut);
    EXPECT_EQ(text_of(box), all.substr(cut));
    EXPECT_EQ(box.bytes(), all.size() - cut);
    EXPECT_EQ(box.empty(), cut == all.size());
    box.put(slice("later;"));
    EXPECT_EQ(text_of(box), all.substr(cut) + "later;");
    while (!box.empty()) box.consume(1);
    EXPECT_EQ(box.bytes(), 0u);
    EXPECT_EQ(text_of(box), "");
  }
}

TEST(Outbox, DropKeepsTheRestOfATornFrameAlone) {
  const std::array<std::string, 3> frames{"first;", "2;", "third;"};
  const std::string all = frames[0] + frames[1] + frames[2];
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    Outbox box;
    for (const auto& f : frames) box.put(slice(f));
    box.consume(cut);
    box.drop_untorn();
    std::size_t begin = 0;
    std::string torn;
    for (const auto& f : frames) {
      if (cut > begin && cut < begin + f.size()) torn = f.substr(cut - begin);
      begin += f.size();
    }
    EXPECT_EQ(text_of(box), torn) << cut;
    EXPECT_EQ(box.bytes(), torn.size()) << cut;
    EXPECT_EQ(box.empty(), torn.empty()) << cut;
    box.put(slice("close"));
    EXPECT_EQ(text_of(box), torn + "close") << cut;
    box.consume(torn.size());
    EXPECT_EQ(text_of(box), "close") << cut;
    // The torn one is out: there is nothing left that has to stay.
    box.drop_untorn();
    EXPECT_TRUE(box.empty()) << cut;
  }
}

TEST(Outbox, TornFrameOfALogGoesFirstAndStays) {
  Outbox box;
  auto rest = slice("frame");
  rest.begin = 2;
  box.put_torn(std::move(rest));
  box.put(slice("reply"));
  EXPECT_EQ(text_of(box), "amereply");
  box.drop_untorn();
  EXPECT_EQ(text_of(box), "ame");
  box.consume(3);
  EXPECT_TRUE(box.empty());
  // A whole frame that comes after a torn one is not torn.
  box.put(slice("whole"));
  box.drop_untorn();
  EXPECT_TRUE(box.empty());
}

TEST(Outbox, GatherKeepsToItsBound) {
  Outbox box;
  for (const auto* f : {"a", "b", "c"}) box.put(slice(f));
  EXPECT_EQ(text_of(box, 0), "");
  EXPECT_EQ(text_of(box, 2), "ab");
  box.consume(1);
  EXPECT_EQ(text_of(box, 1), "b");
}

TEST(Outbox, SharesBlocks) {
  auto frame = slice("shared");
  Outbox one;
  Outbox two;
  one.put(frame);
  two.put(frame);
  one.consume(3);
  EXPECT_EQ(text_of(one), "red");
  EXPECT_EQ(text_of(two), "shared");
}

// A client that is always a little behind: the places of what has been sent must not pile up, whether the kernel stops
// between frames or inside one.
TEST(Outbox, NeverQuiteEmptyItStillGivesUpItsPlaces) {
  for (const std::size_t torn : {0u, 1u}) {
    Outbox box;
    box.put(slice("four"));
    box.put(slice("four"));
    box.consume(torn);
    std::size_t places = 0;
    for (int i = 0; i < 10'000; ++i) {
      box.put(slice("four"));
      box.consume(4);
      places = std::max(places, box.places());
    }
    EXPECT_EQ(box.bytes(), 8 - torn);
    EXPECT_LE(places, 256u) << torn;
    EXPECT_EQ(text_of(box), std::string("fourfour").substr(torn));
  }
}

TEST(Outbox, EmptyHoldsNoPlaces) {
  Outbox box;
  for (int i = 0; i < 100; ++i) box.put(slice("x"));
  box.consume(100);
  EXPECT_EQ(box.places(), 0u);
  for (int i = 0; i < 100; ++i) box.put(slice("x"));
  box.consume(50);
  box.drop_untorn();
  EXPECT_EQ(box.places(), 0u);
}

}  // namespace
}  // namespace gatecast::hub
