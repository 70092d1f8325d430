#include "adapters/redis/resp_decoder.hpp"

#include <gtest/gtest.h>

#include "adapters/redis/slots.hpp"

namespace gatecast::redis {
namespace {

/// A value in one line, to compare.
std::string shown(const Value& v) {
  std::string out;
  switch (v.kind) {
    case Value::Kind::null: return "null";
    case Value::Kind::text: return "'" + v.text + "'";
    case Value::Kind::error: return "!" + v.text;
    case Value::Kind::number: return std::to_string(v.number);
    case Value::Kind::boolean: return v.number != 0 ? "true" : "false";
    case Value::Kind::real: return fmt::format("{}", v.real);
    case Value::Kind::list: out = "["; break;
    case Value::Kind::map: out = "{"; break;
    case Value::Kind::push: out = ">"; break;
  }
  for (const Value& item : v.items) out += shown(item) + ",";
  return out + ";";
}

/// All that `bytes` say, given in the pieces they are cut into; "?" and the error at its end where it is none.
std::string read(const std::vector<std::string_view>& pieces, RespDecoder::Limits limits = {}) {
  RespDecoder decoder(limits);
  std::string buffer;
  std::string out;
  for (const auto piece : pieces) {
    buffer += piece;
    std::string_view input = buffer;
    while (!input.empty()) {
      auto step = decoder.next(input);
      if (!step) return out + "?" + step.error().detail;
      if (*step == RespDecoder::Step::more) {
        EXPECT_GT(decoder.wants(), input.size());
        break;
      }
      if (*step == RespDecoder::Step::message) {
        out += fmt::format("<{}={}> ", decoder.topic(), decoder.payload());
      } else {
        out += shown(decoder.take_value()) + " ";
      }
    }
    buffer.erase(0, buffer.size() - input.size());
  }
  return out + (buffer.empty() ? "" : "…");
}

constexpr std::string_view kAll =
    "+OK\r\n-ERR "
    "no\r\n:-42\r\n$5\r\nhello\r\n$0\r\n\r\n_\r\n$-1\r\n*-1\r\n#t\r\n#f\r\n,3.5\r\n(123456789012345678901\r\n"
    "!5\r\nERR x\r\n=7\r\ntxt:abc\r\n*2\r\n*2\r\n:1\r\n:2\r\n%1\r\n+k\r\n~1\r\n$1\r\nv\r\n*0\r\n"
    ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$4\r\n\r\n\r\n\r\n"
    ">3\r\n$8\r\nsmessage\r\n$2\r\nab\r\n$0\r\n\r\n|1\r\n+ttl\r\n:3\r\n*1\r\n|1\r\n+x\r\n*1\r\n:1\r\n:9\r\n,inf\r\n";
constexpr std::string_view kAllRead =
    "'OK' !ERR no -42 'hello' '' null null null true false 3.5 '123456789012345678901' !ERR x 'abc' "
    "[[1,2,;,{'k',['v',;,;,; [; >'subscribe','a',1,; <a=\r\n\r\n> <ab=> [9,; inf ";

TEST(RespDecoder, ReadsEveryKind) { EXPECT_EQ(read({kAll}), kAllRead); }

TEST(RespDecoder, CutAtEveryPositionItReadsTheSame) {
  for (std::size_t i = 0; i <= kAll.size(); ++i) {
    EXPECT_EQ(read({kAll.substr(0, i), kAll.substr(i)}), kAllRead) << i;
  }
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < kAll.size(); ++i) bytes.push_back(kAll.substr(i, 1));
  EXPECT_EQ(read(bytes), kAllRead);
}

TEST(RespDecoder, RefusesWhatIsNotRESP3) {
  for (std::string_view bad : {"hello\r\n",
                               "\r\n",
                               ":\r\n",
                               ":1x\r\n",
                               ":+-1\r\n",
                               "$-2\r\n",
                               "$01\r\nx\r\n",
                               "$1\r\nxy\r\n",
                               "$?\r\n",
                               "*?\r\n",
                               "*-2\r\n",
                               "#x\r\n",
                               "_x\r\n",
                               ",\r\n",
                               ",x\r\n",
                               "(\r\n",
                               "(1a\r\n",
                               "=2\r\nab\r\n",
                               "=4\r\ntxt,\r\n",
                               "*1\r\n>1\r\n:1\r\n",
                               "$9999999999999999\r\n",
                               ">3\r\n$7\r\nmessage\r\n$1\r\nab\r\n$0\r\n\r\n",
                               "|1\r\n+a\r\n|1\r\n+b\r\n:1\r\n:1\r\n:1\r\n"}) {
    EXPECT_TRUE(read({bad}).contains("?the answer is not RESP3")) << bad << " gave " << read({bad});
  }
}

TEST(RespDecoder, BoundsHold) {
  std::string deep;
  for (int i = 0; i < 17; ++i) deep += "*1\r\n";
  EXPECT_TRUE(read({deep}).contains("nested too deep"));
  EXPECT_TRUE(read({"$2000\r\n"}, {.value_bytes = 1000}).contains("over its bound"));
  EXPECT_TRUE(read({"*1000000\r\n"}, {.value_bytes = 1000}).contains("over its bound"));
  // Small on the wire, large in memory.
  std::string many = "*2\r\n*50\r\n";
  for (int i = 0; i < 50; ++i) many += ":1\r\n";
  many += "*50\r\n";
  for (int i = 0; i < 50; ++i) many += ":1\r\n";
  EXPECT_TRUE(read({many}, {.value_bytes = 60 * sizeof(Value)}).contains("over its bound"));
  EXPECT_FALSE(read({many}, {.value_bytes = 120 * sizeof(Value)}).contains("?"));
  EXPECT_TRUE(read({"+" + std::string(70'000, 'x')}).contains("a line without an end"));
}

TEST(Slots, AreThoseOfTheSpecification) {
  EXPECT_EQ(crc16("123456789"), 0x31C3);
  EXPECT_EQ(slot_of("foo"), 12182);
  EXPECT_EQ(slot_of("{user1000}.following"), slot_of("{user1000}.followers"));
  EXPECT_EQ(slot_of("foo{}{bar}"), crc16("foo{}{bar}") % kSlots);
  EXPECT_EQ(slot_of("foo{{bar}}zap"), slot_of("{bar"));
  EXPECT_EQ(slot_of("foo{bar}{zap}"), slot_of("bar"));
}

}  // namespace
}  // namespace gatecast::redis
