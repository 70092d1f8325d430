#include "protocol/json_decoder.hpp"

#include <gtest/gtest.h>

#include "protocol/json_check.hpp"

namespace gatecast::protocol {
namespace {

/// Decodes a frame of exactly that size on the heap, so that the sanitiser sees a read behind its end.
struct Decoded {
  std::vector<char> frame;
  JsonDecoder decoder;
  std::vector<Command> commands;
  std::optional<Error> error;

  explicit Decoded(std::string_view text) : frame(text.begin(), text.end()) {
    auto done = decoder.decode({frame.data(), frame.size()}, [this](const Command& c) { commands.push_back(c); });
    if (!done) error = std::move(done.error());
  }
  const Command& only() const {
    EXPECT_FALSE(error) << error->detail;
    EXPECT_EQ(commands.size(), 1U);
    static const Command kNone;
    return commands.empty() ? kNone : commands.front();
  }
};

void expect_refused(std::string_view frame, std::string_view why = {}) {
  const Decoded d(frame);
  ASSERT_TRUE(d.error) << frame;
  EXPECT_EQ(d.error->code, Errc::bad_command);
  EXPECT_NE(d.error->detail.find(why), std::string::npos) << frame << ": " << d.error->detail;
}

TEST(JsonDecoder, Connect) {
  const Decoded d(
      R"({"id":1,"connect":{"token":"a.b.c","data":{"gatecast":{"grants":17}},"name":"js","version":"5.7.1",)"
      R"("headers":{"x":"y"},"flag":3,"profile":"p","subs":{"#42":{"recover":true,"offset":7,"epoch":"abcd"},)"
      R"("n\u0065ws":{}}}})");
  const Command& c = d.only();
  EXPECT_EQ(c.id, 1U);
  EXPECT_EQ(c.method, Method::connect);
  EXPECT_EQ(c.token, "a.b.c");
  EXPECT_EQ(c.data, R"({"gatecast":{"grants":17}})");
  EXPECT_EQ(c.name, "js");
  EXPECT_EQ(c.version, "5.7.1");
  EXPECT_EQ(c.headers, R"({"x":"y"})");
  EXPECT_EQ(c.flag, 3);
  ASSERT_EQ(c.subs.size(), 2U);
  EXPECT_EQ(c.subs[0].channel, "#42");
  EXPECT_TRUE(c.subs[0].recover);
  EXPECT_EQ(c.subs[0].offset, 7U);
  EXPECT_EQ(c.subs[0].epoch, "abcd");
  EXPECT_EQ(c.subs[1].channel, "news");
  EXPECT_FALSE(c.subs[1].recover);
}

TEST(JsonDecoder, Subscribe) {
  const Decoded d(
      R"({"id":2,"subscribe":{"channel":"a","token":"t","data":[1],"recover":true,"offset":18446744073709551615,)"
      R"("epoch":"e","positioned":true,"recoverable":true,"join_leave":true,"delta":"fossil","flag":1,)"
      R"("tf":{"op":"","key":"k"},"type":2,"unknown":{"deep":[{}]}}})");
  const Command& c = d.only();
  EXPECT_EQ(c.method, Method::subscribe);
  EXPECT_EQ(c.channel, "a");
  EXPECT_EQ(c.token, "t");
  EXPECT_EQ(c.data, "[1]");
  EXPECT_TRUE(c.recover && c.positioned && c.recoverable && c.join_leave);
  EXPECT_EQ(c.offset, 18446744073709551615U);
  EXPECT_EQ(c.epoch, "e");
  EXPECT_EQ(c.delta, "fossil");
  EXPECT_EQ(c.flag, 1);
  EXPECT_EQ(c.tf, R"({"op":"","key":"k"})");
  EXPECT_EQ(c.type, 2);
}

TEST(JsonDecoder, TheOtherMethods) {
  const auto method = [](std::string_view frame) { return Decoded(frame).only().method; };
  EXPECT_EQ(method(R"({"id":2,"unsubscribe":{"channel":"a"}})"), Method::unsubscribe);
  EXPECT_EQ(method(R"({"id":2,"publish":{"channel":"a","data":null}})"), Method::publish);
  EXPECT_EQ(method(R"({"id":2,"presence":{"channel":"a"}})"), Method::presence);
  EXPECT_EQ(method(R"({"id":2,"presence_stats":{"channel":"a"}})"), Method::presence_stats);
  EXPECT_EQ(method(R"({"id":2,"refresh":{"token":"t"}})"), Method::refresh);
  EXPECT_EQ(method(R"({"id":2,"sub_refresh":{"channel":"a"}})"), Method::sub_refresh);
  EXPECT_EQ(method(R"({"send":{"data":1}})"), Method::send);
  for (std::size_t i = 1; i < kMethodCount; ++i) {
    const auto name = method_name(static_cast<Method>(i));
    const Decoded d(fmt::format(R"({{"id":1,"{}":{{"channel":"c","token":"t"}}}})", name));
    EXPECT_EQ(d.only().method, static_cast<Method>(i));
  }
  const Decoded history(
      R"({"id":2,"history":{"channel":"a","limit":-1,"since":{"offset":5,"epoch":"x"},"reverse":true}})");
  EXPECT_EQ(history.only().limit, -1);
  EXPECT_TRUE(history.only().has_since && history.only().reverse);
  EXPECT_EQ(history.only().offset, 5U);
  EXPECT_EQ(history.only().epoch, "x");
  const Decoded rpc(R"({"id":2,"rpc":{"method":"gatecast.time","data":"x"}})");
  EXPECT_EQ(rpc.only().rpc_method, "gatecast.time");
  EXPECT_EQ(rpc.only().data, "\"x\"");
}

TEST(JsonDecoder, EmbeddedJsonIsTheExactSource) {
  for (const std::string_view data :
       {R"({"x" : 1 , "y":[ ]})", "null", "0", "-1.50e+07", "\"\\u00e9\\ud83d\"", "123456789012345678901234567890",
        "1e400", "[1,\n 2]", "{\"a\":1,\"a\":2}", "\"\xc3\xa9\"", "true"}) {
    const Decoded d(fmt::format(R"({{"id":1,"publish":{{"channel":"a","data": {} }}}})", data));
    EXPECT_EQ(d.only().data, data);
  }
  EXPECT_EQ(Decoded(R"({"id":1,"publish":{"channel":"a"}})").only().data, "");
}

TEST(JsonDecoder, OrderOfMembersDoesNotMatter) {
  const Decoded d(R"({"publish":{"data":{"id":9},"channel":"a"},"id":4294967295})");
  EXPECT_EQ(d.only().id, 4294967295U);
  EXPECT_EQ(d.only().method, Method::publish);
  EXPECT_EQ(d.only().data, R"({"id":9})");
}

TEST(JsonDecoder, OfSeveralMethodsTheFirstInTheProtocolsOrder) {
  const Decoded d(R"({"id":1,"send":{"data":1},"publish":{"channel":"p","data":1},"subscribe":{"channel":"s"}})");
  EXPECT_EQ(d.only().method, Method::subscribe);
  EXPECT_EQ(d.only().channel, "s");
  EXPECT_EQ(d.only().data, "");  // nothing is left of the others
  const Decoded e(R"({"subscribe":{"channel":"s"},"sub_refresh":{"channel":"r"},"rpc":{},"id":1})");
  EXPECT_EQ(e.only().method, Method::subscribe);
  EXPECT_EQ(e.only().channel, "s");
}

TEST(JsonDecoder, PongsAndIds) {
  EXPECT_EQ(Decoded("{}").only().method, Method::none);
  EXPECT_EQ(Decoded(" { } ").only().method, Method::none);
  // Without an id everything but `send` is taken for a pong.
  const Decoded d(R"({"subscribe":{"channel":"a"}})");
  EXPECT_EQ(d.only().method, Method::none);
  EXPECT_EQ(d.only().channel, "");
  EXPECT_EQ(Decoded(R"({"id":0,"connect":{}})").only().method, Method::none);
  EXPECT_EQ(Decoded(R"({"unknown":{}})").only().method, Method::none);
  EXPECT_EQ(Decoded(R"({"id":0,"send":{"data":{}}})").only().method, Method::send);
  EXPECT_EQ(Decoded(R"({"id":7,"send":{"data":{}}})").only().id, 7U);

  expect_refused(R"({"id":1})", "no known method");
  expect_refused(R"({"id":1,"ping":{}})", "no known method");
  expect_refused(R"({"id":1,"Connect":{}})", "no known method");
  expect_refused(R"({"id":1,"connect":null})", "no known method");
  for (const char* id :
       {"-1", "-0", "1.0", "1e2", "4294967296", "99999999999999999999", "\"1\"", "true", "[1]", "{}"}) {
    expect_refused(fmt::format(R"({{"id":{},"connect":{{}}}})", id), "id is no uint32");
  }
  expect_refused(R"({"id":01,"connect":{}})");
  expect_refused(R"({"id":1,"connect":{},"id":2})", "id twice");
}

TEST(JsonDecoder, MissingArguments) {
  for (const char* method :
       {"subscribe", "unsubscribe", "publish", "presence", "presence_stats", "history", "sub_refresh"}) {
    expect_refused(fmt::format(R"({{"id":1,"{}":{{}}}})", method), "no channel");
    expect_refused(fmt::format(R"({{"id":1,"{}":{{"channel":""}}}})", method), "no channel");
    expect_refused(fmt::format(R"({{"id":1,"{}":{{"channel":null}}}})", method), "no channel");
  }
  expect_refused(R"({"id":1,"refresh":{}})", "no token");
  EXPECT_EQ(Decoded(R"({"id":1,"sub_refresh":{"channel":"a"}})").only().token, "");
  EXPECT_EQ(Decoded(R"({"id":1,"connect":{}})").only().token, "");
  EXPECT_EQ(Decoded(R"({"id":1,"connect":{"token":null,"subs":null,"data":null}})").only().data, "null");
}

TEST(JsonDecoder, WrongTypes) {
  expect_refused(R"({"id":1,"connect":[]})", "arguments are no object");
  expect_refused(R"({"id":1,"connect":"x"})", "arguments are no object");
  expect_refused(R"({"id":1,"connect":{"token":1}})", "a text is no string");
  expect_refused(R"({"id":1,"connect":{"subs":[]}})", "subs is no object");
  expect_refused(R"({"id":1,"connect":{"subs":{"a":1}}})", "a sub is no object");
  expect_refused(R"({"id":1,"connect":{"subs":{"":{}}}})", "a sub without a channel");
  expect_refused(R"({"id":1,"connect":{"subs":{"a":{"offset":-1}}}})", "offset is no uint64");
  expect_refused(R"({"id":1,"connect":{"headers":"x"}})", "a member is no object");
  expect_refused(R"({"id":1,"subscribe":{"channel":["a"]}})", "a text is no string");
  expect_refused(R"({"id":1,"subscribe":{"channel":"a","recover":1}})", "a flag is no boolean");
  expect_refused(R"({"id":1,"subscribe":{"channel":"a","recover":"true"}})", "a flag is no boolean");
  expect_refused(R"({"id":1,"subscribe":{"channel":"a","offset":1.5}})", "offset is no uint64");
  expect_refused(R"({"id":1,"subscribe":{"channel":"a","offset":18446744073709551616}})", "offset is no uint64");
  expect_refused(R"({"id":1,"subscribe":{"channel":"a","delta":"xdelta"}})", "unknown delta");
  expect_refused(R"({"id":1,"history":{"channel":"a","limit":2147483648}})", "a number is no int32");
  expect_refused(R"({"id":1,"history":{"channel":"a","since":5}})", "since is no object");
}

TEST(JsonDecoder, AMemberTwiceIsRefused) {
  expect_refused(R"({"id":1,"publish":{"channel":"a","channel":"b","data":1}})", "a member twice");
  expect_refused(R"({"id":1,"publish":{"channel":"a","data":1,"\u0064ata":2}})", "a member twice");
  expect_refused(R"({"id":1,"publish":{"channel":"a"},"publish":{"channel":"b"}})", "a method twice");
  // Members nobody knows may come as they like.
  EXPECT_EQ(Decoded(R"({"id":1,"x":1,"x":2,"publish":{"y":1,"y":2,"channel":"a"}})").only().channel, "a");
}

TEST(JsonDecoder, Escapes) {
  const Decoded d(R"({"id":1,"rpc":{"method":"\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00"}})");
  EXPECT_EQ(d.only().rpc_method, "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  // Names of members too: `\u0063onnect` is connect.
  EXPECT_EQ(Decoded(R"({"\u0069d":1,"\u0063onnect":{"\u0074oken":"t"}})").only().token, "t");
  // Texts of one frame keep standing while later ones are unescaped.
  const std::string many = "\\u0062" + std::string(100, 'b');
  const Decoded two(
      "{\"id\":1,\"publish\":{\"channel\":\"\\u0061\\u0061\",\"data\":1}}\n{\"id\":2,\"publish\":{\"channel\":\"" +
      many + "\",\"data\":1}}");
  ASSERT_EQ(two.commands.size(), 2U);
  EXPECT_EQ(two.commands[0].channel, "aa");
  EXPECT_EQ(two.commands[1].channel, std::string(101, 'b'));

  for (const char* text : {R"(\ud83d)", R"(\ud83dx)", R"(\ud83d\n)", R"(\ude00)", R"(\ud83d\u0041)", R"(\ud83d\ud83d)",
                           R"(\udc00\udc00)"}) {
    expect_refused(fmt::format(R"({{"id":1,"publish":{{"channel":"a{}","data":1}}}})", text), "unpaired surrogate");
  }
  for (const char* text : {R"(\x)", R"(\u12)", R"(\u12G4)", R"(\)", "\x01", "\n"}) {
    expect_refused(fmt::format(R"({{"id":1,"publish":{{"channel":"a{}","data":1}}}})", text), "malformed JSON");
  }
}

TEST(JsonDecoder, LinesOfAFrame) {
  const auto count = [](std::string_view frame) {
    const Decoded d(frame);
    return d.error ? -1 : static_cast<int>(d.commands.size());
  };
  EXPECT_EQ(count("{}"), 1);
  EXPECT_EQ(count("{}\n"), 1);
  EXPECT_EQ(count("{}\r\n{}\r\n"), 2);
  EXPECT_EQ(count("{}\n{}\n{}"), 3);
  EXPECT_EQ(count(""), -1);
  EXPECT_EQ(count("\n"), -1);
  EXPECT_EQ(count(" "), -1);
  EXPECT_EQ(count("\n{}"), -1);
  EXPECT_EQ(count("{}\n\n"), -1);
  EXPECT_EQ(count("{}\n\n{}"), -1);
  EXPECT_EQ(count("{}{}"), -1);
  EXPECT_EQ(count("{} {}"), -1);
  EXPECT_EQ(count("{},{}"), -1);
  EXPECT_EQ(count("[{}]"), -1);
  EXPECT_EQ(count("null"), -1);
  EXPECT_EQ(count("{}\nx"), -1);
  EXPECT_EQ(count(std::string_view("{}\0", 3)), -1);
  // Line feeds within an object are white space.
  EXPECT_EQ(count("{\n\"id\":1,\n\"connect\":{\n}\n}\n{}"), 2);
}

TEST(JsonDecoder, ConnectAndSubscribesInOneFrame) {
  const Decoded d(
      "{\"id\":1,\"connect\":{\"token\":\"t\"}}\n{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}\n"
      "{\"id\":3,\"subscribe\":{\"channel\":\"b\"}}\n");
  ASSERT_EQ(d.commands.size(), 3U);
  EXPECT_EQ(d.commands[2].source, "{\"id\":3,\"subscribe\":{\"channel\":\"b\"}}");
  EXPECT_EQ(Decoded(d.commands[2].source).only().channel, "b");
}

TEST(JsonDecoder, AFaultyCommandComesAfterTheGoodOnesBeforeIt) {
  const Decoded d("{\"id\":1,\"connect\":{}}\n{\"id\":2,\"publish\":{}}\n{}");
  EXPECT_EQ(d.commands.size(), 1U);
  ASSERT_TRUE(d.error);
  EXPECT_EQ(d.error->detail, "command 2: no channel");
}

TEST(JsonDecoder, ACallbackMayStop) {
  JsonDecoder decoder;
  int calls = 0;
  EXPECT_TRUE(decoder.decode("{}\n{}\nx", [&](const Command&) { return ++calls < 2; }));
  EXPECT_EQ(calls, 2);
}

// A frame that is left in the middle goes on behind other frames, with its bound and its escapes.
TEST(JsonDecoder, GoesOnWhereAFrameWasLeft) {
  const std::string frame =
      "{\"id\":1,\"rpc\":{\"method\":\"\\u0061\"}}\n{\"id\":2,\"rpc\":{\"method\":\"\\u0062\"}}\n{}";
  JsonDecoder decoder(3);
  std::vector<std::string> methods;
  const auto one = [&](const Command& c) {
    methods.emplace_back(c.rpc_method);
    return false;
  };
  ASSERT_TRUE(decoder.decode(frame, one));
  std::string kept(decoder.rest());
  for (std::size_t count = 1; count < 3; ++count) {
    EXPECT_EQ(decoder.count(), count);
    ASSERT_TRUE(decoder.decode("{\"id\":9,\"rpc\":{}}", [](const Command&) {}));
    decoder.go_on(kept, count);
    ASSERT_TRUE(decoder.decode_rest(one));
    kept = decoder.rest();
  }
  EXPECT_EQ(methods, (std::vector<std::string>{"a", "b", ""}));
  EXPECT_EQ(kept, "");
  decoder.go_on("{}", 3);
  EXPECT_FALSE(decoder.decode_rest(one)) << "the bound is the frame's, not the part's";
}

TEST(JsonDecoder, Bounds) {
  std::string frame;
  for (std::size_t i = 0; i < kMaxCommandsPerFrame; ++i) frame += "{}\n";
  EXPECT_EQ(Decoded(frame).commands.size(), kMaxCommandsPerFrame);
  expect_refused(frame + "{}", "too many commands");

  const auto data = [](std::size_t depth) {
    return fmt::format(R"({{"id":1,"publish":{{"channel":"a","data":{}{}}}}})", std::string(depth, '['),
                       std::string(depth, ']'));
  };
  EXPECT_FALSE(Decoded(data(kMaxJsonDepth)).error);
  expect_refused(data(kMaxJsonDepth + 1));
  expect_refused(data(100'000));
  expect_refused(fmt::format(R"({{"x":{})", std::string(100'000, '[')));
  expect_refused(fmt::format(R"({{"id":1,"connect":{{"subs":{{"a":{}}}}}}})", std::string(50'000, '{')));
}

TEST(JsonDecoder, InvalidUtf8) {
  expect_refused("{\"id\":1,\"publish\":{\"channel\":\"\xff\",\"data\":1}}", "not UTF-8");
  expect_refused("{\"id\":1,\"publish\":{\"channel\":\"a\",\"data\":\"\xed\xa0\x80\"}}", "not UTF-8");
  expect_refused("\xef\xbb\xbf{}", "not an object");
}

TEST(JsonDecoder, CutAtEveryPosition) {
  for (
      const std::string_view frame :
      {R"({"id":1,"connect":{"token":"a\u0062","data":{"x":[1.5,true,null]},"subs":{"c":{"recover":true,"offset":3}}}})",
       R"({"id":2,"subscribe":{"channel":"\ud83d\ude00","recover":true,"offset":12,"epoch":"e","tf":{}}})",
       R"({"id":3,"history":{"channel":"a","limit":-1,"since":{"offset":1,"epoch":"e"},"reverse":false}})"}) {
    EXPECT_FALSE(Decoded(frame).error);
    for (std::size_t n = 0; n < frame.size(); ++n) EXPECT_TRUE(Decoded(frame.substr(0, n)).error) << frame.substr(0, n);
  }
  const std::string_view three = "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"presence\":{\"channel\":\"a\"}}\n{}";
  for (std::size_t n = 1; n < three.size(); ++n) {
    const Decoded d(three.substr(0, n));
    // Whole lines are handed out, a torn one never.
    EXPECT_EQ(!d.error, three[n - 1] == '\n' || three[n] == '\n') << n;
    for (const Command& c : d.commands) EXPECT_TRUE(valid_json(c.source));
  }
}

TEST(JsonDecoder, EveryByteReplaced) {
  const std::string_view frame = R"({"id":7,"publish":{"channel":"a\u0041","data":{"x":[1,"y"]}}})";
  for (std::size_t i = 0; i < frame.size(); ++i) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed(frame);
      changed[i] = static_cast<char>(byte);
      const Decoded d(changed);
      for (const Command& c : d.commands) {
        EXPECT_TRUE(valid_json(c.source)) << changed;
        if (!c.data.empty()) EXPECT_TRUE(valid_json(c.data)) << changed;
      }
    }
  }
}

}  // namespace
}  // namespace gatecast::protocol
