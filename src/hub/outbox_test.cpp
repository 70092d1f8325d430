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

// Bytes from before may still be on their way, in part, when the reply is put before what was held.
TEST(Outbox, WhatIsHeldComesBehindTheFirst) {
  for (std::size_t sent = 0; sent <= 6; ++sent) {
    Outbox box;
    box.put(slice("before"));
    box.hold();
    box.put(slice("one"));
    box.put(slice("two"));
    EXPECT_EQ(text_of(box), "before");
    EXPECT_EQ(box.bytes(), 12u);
    if (sent > 0) box.consume(sent);
    EXPECT_FALSE(box.empty());
    box.release(slice("first"));
    EXPECT_EQ(text_of(box), std::string("before").substr(sent) + "firstonetwo");
    EXPECT_EQ(box.bytes(), 17 - sent);
  }
}

TEST(Outbox, WhatIsHeldIsDroppedAlone) {
  Outbox box;
  box.put(slice("before"));
  box.consume(2);
  box.hold();
  box.put(slice("one"));
  box.drop_held();
  EXPECT_EQ(text_of(box), "fore");
  EXPECT_EQ(box.bytes(), 4u);
  box.drop_held();
  box.put(slice("after"));
  EXPECT_EQ(text_of(box), "foreafter");
}

std::size_t parts_of(const Outbox& box) {
  std::array<iovec, 64> parts;
  return box.gather(parts.data(), parts.size());
}

TEST(Outbox, AReplyLeavesInOnePieceWithThePublicationBeforeIt) {
  Outbox box;
  box.put(whole(BlockRef::copy("publication;", 16)));
  box.put_copy("reply;");
  EXPECT_EQ(parts_of(box), 1u);
  EXPECT_EQ(text_of(box), "publication;reply;");
  EXPECT_EQ(box.bytes(), 18u);
  box.put_copy("more than the room that is left;");
  EXPECT_EQ(parts_of(box), 2u);
  EXPECT_EQ(text_of(box), "publication;reply;more than the room that is left;");
}

TEST(Outbox, WhatLeavesInOnePieceIsTornFrameByFrame) {
  for (std::size_t cut = 1; cut < 18; ++cut) {
    Outbox box;
    box.put(whole(BlockRef::copy("publication;", 16)));
    box.put_copy("reply;");
    box.consume(cut);
    EXPECT_EQ(text_of(box), std::string("publication;reply;").substr(cut));
    box.drop_untorn();
    EXPECT_EQ(text_of(box), cut == 12 ? "" : std::string("publication;reply;").substr(cut, cut < 12 ? 12 - cut : 6));
  }
}

TEST(Outbox, ABlockThatOthersHoldIsNotAddedTo) {
  const Slice shared = whole(BlockRef::copy("publication;", 16));
  Outbox box;
  Outbox other;
  box.put(shared);
  other.put(shared);
  box.put_copy("reply;");
  EXPECT_EQ(text_of(box), "publication;reply;");
  EXPECT_EQ(text_of(other), "publication;");
  EXPECT_EQ(shared.view(), "publication;");
  EXPECT_EQ(shared.block.size(), 12u) << "a log goes on writing behind its own bytes";
}

TEST(Outbox, WhatIsHeldStaysBehindTheReplyThoughItsBytesLieBeforeIt) {
  Outbox box;
  box.put(whole(BlockRef::copy("before;", 64)));
  box.hold();
  box.put_copy("held;");
  EXPECT_EQ(text_of(box), "before;");
  box.release(slice("reply;"));
  EXPECT_EQ(text_of(box), "before;reply;held;");
}

}  // namespace
}  // namespace gatecast::hub
