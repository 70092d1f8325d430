#include "adapters/redis/publication_text.hpp"

#include <gtest/gtest.h>

#include "adapters/redis/lease.hpp"
#include "adapters/redis/presence_text.hpp"

namespace gatecast::redis {
namespace {

broker::Publication full() {
  broker::Publication p;
  p.data = std::string("{\"a\":\"\0:\n\"}", 11);
  p.user = "ann:1";
  p.client = "c1";
  p.conn_info = std::string(200, 'i');
  p.tags = {{"k", "v"}, {"", std::string(20'000, 'x')}};
  p.kind = broker::PublicationKind::leave;
  p.delta = true;
  return p;
}

bool same(const broker::Publication& a, const broker::Publication& b) {
  return a.data == b.data && a.user == b.user && a.client == b.client && a.conn_info == b.conn_info &&
         a.chan_info == b.chan_info && a.tags == b.tags && a.kind == b.kind && a.delta == b.delta;
}

TEST(PublicationText, SaysWhatItWasMadeOf) {
  for (const broker::Publication& p : {full(), broker::Publication{}}) {
    const auto read = parse_publication_text(publication_text(p));
    ASSERT_NE(read, nullptr);
    EXPECT_TRUE(same(*read, p));
  }
}

TEST(PublicationText, IsNothingWhenCut) {
  auto p = full();
  p.tags[1].second = "short";
  const std::string text = publication_text(p);
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_EQ(parse_publication_text(std::string_view(text).substr(0, size)), nullptr) << size;
  }
}

TEST(PublicationText, WhatANewerProgramAddsIsIgnored) {
  const auto read = parse_publication_text(publication_text(full()) + "more");
  ASSERT_NE(read, nullptr);
  EXPECT_TRUE(same(*read, full()));
}

TEST(PublicationText, OtherFormsAreNothing) {
  const std::string text = publication_text(broker::Publication{});
  std::string other = text;
  other[0] = 2;
  EXPECT_EQ(parse_publication_text(other), nullptr) << "version";
  other = text;
  other[1] = 3;
  EXPECT_EQ(parse_publication_text(other), nullptr) << "kind";
  other = text;
  other.replace(2, 1, std::string("\x80\x00", 2));
  EXPECT_EQ(parse_publication_text(other), nullptr) << "not the shortest form of a length";
  other = text;
  other.replace(2, 1, "\xff\xff\xff\xff\xff\x7f");
  EXPECT_EQ(parse_publication_text(other), nullptr) << "a length beyond everything";
  other = text;
  other.replace(7, 1, "\xff\x7f");
  EXPECT_EQ(parse_publication_text(other), nullptr) << "more tags than there may be";
}

TEST(TopicMessage, SaysPlaceChannelAndText) {
  const auto own = parse_topic_message("7:99:text:1", false);
  ASSERT_TRUE(own);
  EXPECT_EQ(own->place, (broker::StreamPosition{7, 99}));
  EXPECT_EQ(own->text, "text:1");
  const std::string bytes = "7:99:" + channel_mark("#a:1") + "text";
  const auto shared = parse_topic_message(bytes, true);
  ASSERT_TRUE(shared);
  EXPECT_EQ(shared->channel, "#a:1");
  EXPECT_EQ(shared->text, "text");
  for (const char* bad : {"", "7", "7:", "7:99", "x:99:t", "-1:99:t", "7:x:t", "7:53459728531456:t", "+7:1:t", " 7:1:t",
                          "99999999999999999999999:1:t"}) {
    EXPECT_FALSE(parse_topic_message(bad, false)) << bad;
  }
  for (const char* bad : {"7:99:", "7:99:5:#abc", "7:99:0:", "7:99:x:#a"}) {
    EXPECT_FALSE(parse_topic_message(bad, true)) << bad;
  }
}

TEST(TopicMessage, PlacesMayHaveMoreBehindThem) {
  EXPECT_EQ(parse_place("7:99"), (broker::StreamPosition{7, 99}));
  EXPECT_EQ(parse_place("7:99:f"), (broker::StreamPosition{7, 99}));
  for (const char* bad : {"", "7", "7:", "7:9x", ":1", "7:53459728531456"}) EXPECT_FALSE(parse_place(bad)) << bad;
}

TEST(PresenceText, SaysWhoItIs) {
  const broker::ClientInfo who{"ann:1", "c1", "{}", "[]"};
  const std::string incarnation(Lease::kIncarnationLength, 'n');
  const std::string entry = presence_entry(incarnation, true, who);
  const auto read = parse_presence_entry(entry);
  EXPECT_EQ(read.incarnation, incarnation);
  ASSERT_NE(read.who, nullptr);
  EXPECT_EQ(read.who->user + read.who->client + read.who->conn_info + read.who->chan_info, "ann:1c1{}[]");
  for (std::size_t size = 0; size < entry.size(); ++size) {
    EXPECT_EQ(parse_presence_entry(std::string_view(entry).substr(0, size)).who, nullptr) << size;
  }
}

TEST(Names, OfAChannelAreInOneSlot) {
  const Names names("gatecast:");
  const std::string tag = "gatecast:1:{" + std::to_string(partition_of("news")) + "}";
  EXPECT_EQ(names.key(Names::stream, "news"), tag + "s:news");
  EXPECT_EQ(names.key(Names::meta, "news"), tag + "m:news");
  EXPECT_EQ(names.topic("news"), tag + "c:news");
  EXPECT_EQ(names.once_key("news", "k"), tag + "i:4:news:k");
  EXPECT_NE(names.once_key("a", "1:b"), names.once_key("a:1", "b"));
  // A channel of the same partition that reads as another one with the beginning of a key.
  for (unsigned n = 0;; ++n) {
    const std::string number = std::to_string(n), longer = "a:1:" + number;
    if (partition_of(longer) != partition_of("a")) continue;
    EXPECT_NE(names.once_key("a", number + ':' + std::to_string(longer.size()) + ":k"), names.once_key(longer, "k"));
    break;
  }
  EXPECT_EQ(names.topic("#ann"), "gatecast:1:{" + std::to_string(partition_of("#ann")) + "}u");
  EXPECT_EQ(partition_of(""), 0xcbf29ce484222325u % 1024) << "the partition is part of the form: it never changes";
  EXPECT_EQ(partition_of("news"), 294U);
}

TEST(Names, TopicsAreReadAgain) {
  const Names names("p:");
  const std::string topic = names.topic("news:{1}"), shared_topic = names.shared_topic(1023);
  const auto own = names.parse_topic(topic);
  ASSERT_TRUE(own);
  EXPECT_EQ(own->channel, "news:{1}");
  EXPECT_EQ(own->partition, partition_of("news:{1}"));
  const auto shared = names.parse_topic(shared_topic);
  ASSERT_TRUE(shared);
  EXPECT_EQ(shared->channel, "");
  EXPECT_EQ(shared->partition, 1023U);
  for (const char* bad : {"", "p:1:{", "p:1:{7}", "p:1:{7}c:", "p:1:{7}ux", "p:1:{1024}u", "p:1:{x}u", "p:2:{7}u",
                          "other:1:{7}u", "p:1:{7}s:a"}) {
    EXPECT_FALSE(names.parse_topic(bad)) << bad;
  }
}

}  // namespace
}  // namespace gatecast::redis
