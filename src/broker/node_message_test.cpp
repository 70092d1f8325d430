#include "broker/node_message.hpp"

#include <gtest/gtest.h>

#include "broker/nodes.hpp"

namespace gatecast::broker {
namespace {

using Type = NodeMessage::Type;

TEST(NodeMessage, WhatIsWrittenIsRead) {
  const NodeMessage answer{
      .type = Type::answer, .from = "5f0c-A", .question = 17, .part = 2, .parts = 3, .body = "a\nb=c"};
  const std::string bytes = node_message(answer);
  EXPECT_EQ(bytes, "t=answer f=5f0c-A q=17 p=2 n=3\na\nb=c");
  const auto read = parse_node_message(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->type, Type::answer);
  EXPECT_EQ(read->from, "5f0c-A");
  EXPECT_EQ(read->question, 17u);
  EXPECT_EQ(read->part, 2u);
  EXPECT_EQ(read->parts, 3u);
  EXPECT_EQ(read->body, "a\nb=c");
  const NodeMessage hello{.type = Type::hello, .from = "a", .sequence = 4, .to_all = true, .asks_back = true};
  EXPECT_EQ(node_message(hello), "t=hello f=a s=4 all=1 back=1\n");
  EXPECT_TRUE(parse_node_message(node_message(hello))->asks_back);
}

TEST(NodeMessage, WhatANewerNeighbourAddsIsPassedOver) {
  const auto read = parse_node_message("t=word f=a z=9 k=events colour=blue\n");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->kind, "events");
  const auto newer = parse_node_message("t=sing f=a\nla");
  ASSERT_TRUE(newer);
  EXPECT_EQ(newer->type, Type::unknown);
}

TEST(NodeMessage, WhatIsNotWholeIsRefused) {
  for (const std::string_view bad : {"",
                                     "\n",
                                     "t=hello f=a\n",
                                     "t=ask f=a k=x\n",
                                     "t=ask f=a q=1\n",
                                     "t=word f=a\n",
                                     "t=answer f=a\n",
                                     "t=answer f=a q=1 p=2\n",
                                     "t=answer f=a q=1 p=0 n=0\n",
                                     "t=answer f=a q=1 p=1 n=65\n",
                                     "t=ask f=a q=-1 k=x\n",
                                     "t=ask f=a q=01 k=x\n",
                                     "t=ask f=a q=18446744073709551616 k=x\n",
                                     "t=word f=a all=1 k=x\n",
                                     "t=word f=a all=yes s=1 k=x\n",
                                     "t=word f=a\xc3\xa9 k=x\n",
                                     "t=word f=a k=X\n",
                                     "t=word  f=a k=x\n",
                                     "t=word k=x\n",
                                     "t=word f=a k=x",
                                     "=word f=a k=x\n"}) {
    EXPECT_FALSE(parse_node_message(bad)) << bad;
  }
  EXPECT_FALSE(parse_node_message("t=word f=a k=x " + std::string(kHeadBytesMax, 'x') + "=1\n"));
  const std::string head = "t=word f=a k=x\n";
  EXPECT_TRUE(parse_node_message(head + std::string(Nodes::kMessageBytesMax - head.size(), 'x')));
  EXPECT_FALSE(parse_node_message(head + std::string(Nodes::kMessageBytesMax - head.size() + 1, 'x')));
}

TEST(NodeMessage, CutAnywhereItIsRefusedOrTheBodyIsShorter) {
  const std::string whole = "t=ask f=node-1 s=12 all=1 q=7 k=connections\n{}";
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(parse_node_message(whole.substr(0, length)).has_value(), length >= whole.find('\n') + 1) << length;
  }
}

TEST(NodeMessage, AHelloSaysNameVersionAndFacts) {
  const auto said = parse_hello_body(hello_body({"eu\n1", "1.2", R"({"keys":[]})"}));
  ASSERT_TRUE(said);
  EXPECT_EQ(said->name, "eu?1");
  EXPECT_EQ(said->version, "1.2");
  EXPECT_EQ(said->facts, R"({"keys":[]})");
  EXPECT_EQ(parse_hello_body(hello_body({"a", "1", std::string(kFactsBytesMax + 1, 'x')}))->facts, "{}");
  for (const std::string& bad : {std::string("a"), std::string("a\nb"), std::string(65, 'a') + "\nb\nc",
                                 "a\nb\n" + std::string(kFactsBytesMax + 1, 'x')}) {
    EXPECT_FALSE(parse_hello_body(bad));
  }
}

}  // namespace
}  // namespace gatecast::broker
