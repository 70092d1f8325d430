#include "net/tls_session.hpp"

#include <random>

#include "metrics/registry.hpp"
#include "net/tls_testing.hpp"

namespace gatecast::net {
namespace {

using testing::context_of;
using testing::make_pair;
using testing::Ref;
using testing::Wire;
using testing::Wish;

// The least that Linux grants: a record of 16 KB never goes out at once.
constexpr int kTinyBuffer = 1;

const TlsContext& context() {
  static const auto made = context_of(make_pair());
  return *made;
}

std::string bytes_of(std::size_t size, std::mt19937& random) {
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

static_assert(sizeof(Stream) <= 2 * sizeof(void*), "a plain connection pays one pointer");

TEST(TlsSession, EveryByteInOrder) {
  for (unsigned seed = 0; seed < 24; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&random](std::size_t n) { return n == 0 ? 0 : random() % n; };
    Wire wire(context(), seed % 3 == 0 ? 0 : kTinyBuffer, [seed](SSL* ssl) {
      // TLS 1.2 too, and a peer that wants small records.
      if (seed % 4 == 1) SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
      if (seed % 4 == 3) SSL_set_tlsext_max_fragment_length(ssl, TLSEXT_max_fragment_length_512);
    });
    ASSERT_TRUE(wire.shake_hands()) << seed;
    const std::string down = bytes_of(300'000, random);
    const std::string up = bytes_of(60'000, random);
    std::size_t sent_down = 0;
    std::size_t sent_up = 0;
    std::string got_down;
    std::string got_up;
    bool held = false;
    for (int turns = 0; (got_down.size() < down.size() || got_up.size() < up.size()) && turns < 2'000'000; ++turns) {
      switch (below(4)) {
        case 0: {
          std::array<iovec, 9> parts;
          std::size_t offered = 0;
          const std::size_t count = below(parts.size()) + 1;
          for (std::size_t i = 0; i < count; ++i) {
            const std::size_t most = below(8) == 0 ? 40'000 : 300;
            const auto size = std::min(below(most), down.size() - sent_down - offered);
            parts[i] = {const_cast<char*>(down.data()) + sent_down + offered, size};
            offered += size;
          }
          const auto taken = wire.ours->write(parts.data(), count);
          ASSERT_GE(taken, 0) << seed;
          ASSERT_LE(static_cast<std::size_t>(taken), offered);
          if (wire.tls().holds())
            held = true;
          else
            EXPECT_EQ(static_cast<std::size_t>(taken), offered) << "a short write holds the record it stopped at";
          sent_down += static_cast<std::size_t>(taken);
          break;
        }
        case 1: {
          // As the hub does when the socket takes bytes again.
          if (!wire.tls().holds()) break;
          ASSERT_EQ(wire.ours->write(nullptr, 0), 0);
          break;
        }
        case 2: {
          ASSERT_NE(wire.peer->read(got_down, below(20'000) + 1), SSL_ERROR_SSL);
          sent_up += wire.peer->write(std::string_view(up).substr(sent_up), below(5'000));
          break;
        }
        default: {
          got_up += wire.read_ours();
          ASSERT_GE(wire.outcome, -1) << wire.tls().error();
          ASSERT_NE(wire.outcome, 0);
        }
      }
    }
    ASSERT_TRUE(got_down == down) << seed;
    ASSERT_TRUE(got_up == up) << seed;
    EXPECT_TRUE(held || seed % 3 == 0) << "the socket never was full in the middle of a record";
  }
}

TEST(TlsSession, ReadingLeavesNothingBehindTheSocket) {
  Wire wire(context());
  ASSERT_TRUE(wire.shake_hands());
  const std::string record(TlsSession::kRecordBytes, 'x');
  ASSERT_EQ(wire.peer->write(record), record.size());
  ASSERT_EQ(wire.peer->write("more"), 4u);
  EXPECT_EQ(wire.read_ours().size(), record.size()) << "a record whole";
  EXPECT_EQ(wire.read_ours(), "more");
  EXPECT_EQ(wire.read_ours(), "");
  EXPECT_EQ(wire.outcome, -1);
}

TEST(TlsSession, SmallPartsShareARecord) {
  Wire wire(context());
  ASSERT_TRUE(wire.shake_hands());
  std::array<char, 4096> socket_bytes;
  std::string nothing;
  while (wire.peer->read(nothing) == SSL_ERROR_NONE) continue;
  std::string a = "one", b = "two", c;
  const iovec parts[] = {{a.data(), 3}, {b.data(), 3}, {c.data(), 0}, {a.data(), 3}};
  ASSERT_EQ(wire.ours->write(parts, 4), 9);
  const auto n = recv(wire.theirs.get(), socket_bytes.data(), socket_bytes.size(), MSG_PEEK);
  EXPECT_EQ(n, 5 + 9 + 1 + 16) << "head, text, type, tag: one record";
  std::string got;
  wire.peer->read(got);
  EXPECT_EQ(got, "onetwoone");
}

TEST(TlsSession, HandshakeWaitsForWriteReadiness) {
  // A certificate larger than the socket's buffer.
  std::string names = "DNS:localhost";
  for (int i = 0; i < 600; ++i) names += fmt::format(",DNS:host-{}.with-a-long-name.example", i);
  const auto large = context_of(make_pair({.names = names}));
  Wire wire(*large, kTinyBuffer);
  EXPECT_FALSE(wire.peer->shake_hands());
  wire.read_ours();
  EXPECT_EQ(wire.outcome, -1);
  EXPECT_TRUE(wire.tls().wants_write());
  EXPECT_FALSE(wire.tls().established());
  ASSERT_TRUE(wire.shake_hands());
  EXPECT_FALSE(wire.tls().wants_write());
}

TEST(TlsSession, NothingIsWrittenBeforeTheHandshake) {
  Wire wire(context());
  EXPECT_EQ(wire.write_ours("early"), -2);
  EXPECT_TRUE(wire.shake_hands()) << "nor is anything begun";
}

TEST(TlsSession, EndsInOrder) {
  for (const bool first : {true, false}) {
    Wire wire(context());
    ASSERT_TRUE(wire.shake_hands());
    ASSERT_EQ(wire.write_ours("last words"), 10);
    if (!first) {
      SSL_shutdown(wire.peer->ssl());
      wire.read_ours();
      EXPECT_EQ(wire.outcome, 0);
      // The peer has said that it sends no more; what it asked for is still answered.
      ASSERT_EQ(wire.write_ours("!"), 1);
    }
    EXPECT_TRUE(wire.ours->finish());
    if (first) {
      ASSERT_EQ(wire.peer->write("thanks"), 6u);
      EXPECT_EQ(wire.read_ours(), "thanks") << "reading goes on";
    }
    wire.ours.reset();
    std::string got;
    int end = SSL_ERROR_NONE;
    while (end == SSL_ERROR_NONE) end = wire.peer->read(got);
    EXPECT_EQ(got, first ? "last words" : "last words!");
    EXPECT_EQ(end, SSL_ERROR_ZERO_RETURN) << "close_notify, not just an end";
  }
}

TEST(TlsSession, SaysCloseNotifyWhenItGoes) {
  Wire wire(context());
  ASSERT_TRUE(wire.shake_hands());
  wire.ours.reset();
  std::string got;
  EXPECT_EQ(wire.peer->read(got), SSL_ERROR_ZERO_RETURN);
}

TEST(TlsSession, SaysNothingWhenItIsCut) {
  Wire wire(context());
  ASSERT_TRUE(wire.shake_hands());
  wire.ours->abort_on_close();
  wire.ours.reset();
  std::string got;
  EXPECT_EQ(wire.peer->read(got), SSL_ERROR_SSL) << "an end without close_notify";
}

TEST(TlsSession, TheEndWaitsForWriteReadiness) {
  Wire wire(context(), kTinyBuffer);
  ASSERT_TRUE(wire.shake_hands());
  // The socket is filled to the brim with records that fit.
  while (!wire.tls().holds()) ASSERT_GE(wire.write_ours("x"), 0);
  std::string got;
  wire.peer->read(got, 100);
  while (wire.tls().holds()) {
    ASSERT_EQ(wire.ours->write(nullptr, 0), 0);
    wire.peer->read(got, 100);
  }
  char filler = 0;
  while (send(wire.ours->fd(), &filler, 1, MSG_DONTWAIT) == 1) continue;
  EXPECT_FALSE(wire.ours->finish());
  EXPECT_TRUE(wire.tls().finishing());
  EXPECT_TRUE(wire.tls().wants_write());
  std::array<char, 65536> all;
  while (recv(wire.theirs.get(), all.data(), all.size(), MSG_DONTWAIT) > 0) continue;
  EXPECT_TRUE(wire.ours->finish());
  EXPECT_FALSE(wire.tls().wants_write());
  EXPECT_EQ(recv(wire.theirs.get(), all.data(), all.size(), MSG_DONTWAIT), 5 + 2 + 1 + 16) << "close_notify, once";
}

TEST(TlsSession, ATruncatedEndIsABreak) {
  Wire wire(context());
  ASSERT_TRUE(wire.shake_hands());
  wire.theirs.reset();
  wire.read_ours();
  EXPECT_EQ(wire.outcome, -2);
  EXPECT_EQ(wire.tls().error(), "") << "a peer that just goes is no error for the log";
  // Neither a signal nor more than an outcome.
  EXPECT_EQ(wire.write_ours("x"), -2);
}

TEST(TlsSession, BytesThatWereTamperedWithAreABreak) {
  Wire wire(context());
  ASSERT_TRUE(wire.shake_hands());
  const std::string record = "\x17\x03\x03\x00\x20" + std::string(32, 'x');
  ASSERT_EQ(send(wire.theirs.get(), record.data(), record.size(), 0), static_cast<ssize_t>(record.size()));
  wire.read_ours();
  EXPECT_EQ(wire.outcome, -2);
  EXPECT_NE(wire.tls().error(), "");
  wire.read_ours();
  EXPECT_EQ(wire.outcome, -2);
}

TEST(TlsSession, OldVersionsAreRefused) {
  Wire wire(context(), 0, [](SSL* ssl) {
    SSL_set_security_level(ssl, 0);
    SSL_set_min_proto_version(ssl, TLS1_VERSION);
    SSL_set_max_proto_version(ssl, TLS1_1_VERSION);
  });
  EXPECT_FALSE(wire.shake_hands());
  EXPECT_EQ(wire.tls().error(), "unsupported protocol");
}

TEST(TlsSession, CiphersWithoutForwardSecrecyAreRefused) {
  Wire wire(context(), 0, [](SSL* ssl) {
    SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
    SSL_set_cipher_list(ssl, "AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA");
  });
  EXPECT_FALSE(wire.shake_hands());
  EXPECT_EQ(wire.tls().error(), "no shared cipher");
}

TEST(TlsSession, SpeaksHttpByAlpn) {
  struct Case {
    std::string_view offered;
    std::string_view chosen;  // "-": refused
  };
  using namespace std::string_view_literals;
  for (const auto& c : {Case{"", ""}, Case{"\x08http/1.1"sv, "http/1.1"}, Case{"\x02h2\x08http/1.1"sv, "http/1.1"},
                        Case{"\x02h2"sv, "-"}, Case{"\x08http/1.0"sv, "-"}, Case{"\x09http/1.1x"sv, "-"}}) {
    Wire wire(context(), 0, [&c](SSL* ssl) {
      SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(c.offered.data()),
                          static_cast<unsigned>(c.offered.size()));
    });
    EXPECT_EQ(wire.shake_hands(), c.chosen != "-") << c.offered;
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(wire.peer->ssl(), &chosen, &size);
    if (c.chosen != "-") EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(chosen), size), c.chosen);
  }
}

TEST(TlsSession, RenegotiationIsRefused) {
  Wire wire(context(), 0, [](SSL* ssl) { SSL_set_max_proto_version(ssl, TLS1_2_VERSION); });
  ASSERT_TRUE(wire.shake_hands());
  ASSERT_EQ(SSL_renegotiate(wire.peer->ssl()), 1);
  wire.peer->shake_hands();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(wire.read_ours(), "");
  std::string got;
  EXPECT_EQ(wire.peer->read(got), SSL_ERROR_SSL);
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
}

// Messages of the handshake's kind give the turn back one by one, however many there are.
TEST(TlsSession, KeyUpdatesGiveTheTurnBack) {
  Wire wire(context());
  ASSERT_TRUE(wire.shake_hands());
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(SSL_key_update(wire.peer->ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_TRUE(wire.peer->shake_hands());
  }
  ASSERT_EQ(wire.peer->write("now"), 3u);
  int given_back = 0;
  for (; wire.read_ours().empty() && given_back < 10; ++given_back) ASSERT_EQ(wire.outcome, -1);
  EXPECT_GE(given_back, 3);
  EXPECT_LT(given_back, 10);
  ASSERT_EQ(wire.write_ours("yes"), 3);
  std::string got;
  while (got.empty() && wire.peer->read(got) != SSL_ERROR_SSL) continue;
  EXPECT_EQ(got, "yes");
}

TEST(TlsSession, TicketsAreGoodForTheirCertificateOnly) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto first = context_of(make_pair());
    const auto second = context_of(make_pair());
    Wire wire(*first, 0, [version](SSL* ssl) { SSL_set_max_proto_version(ssl, version); });
    ASSERT_TRUE(wire.shake_hands());
    ASSERT_EQ(wire.write_ours("x"), 1);
    std::string got;
    wire.peer->read(got);
    const Ref<SSL_SESSION> session(SSL_get1_session(wire.peer->ssl()));
    ASSERT_EQ(SSL_SESSION_is_resumable(session.get()), 1);
    for (const auto* at : {first.get(), second.get()}) {
      Wire again(*at, 0, [&](SSL* ssl) {
        SSL_set_max_proto_version(ssl, version);
        SSL_set_session(ssl, session.get());
      });
      ASSERT_TRUE(again.shake_hands());
      EXPECT_EQ(SSL_session_reused(again.peer->ssl()), at == first.get() ? 1 : 0);
    }
  }
}

TEST(TlsSession, PlainHttpIsToldSo) {
  for (const std::string_view request : {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST /api/v2/auth HTTP/1.1\r\n\r\n"}) {
    Wire wire(context());
    ASSERT_EQ(send(wire.theirs.get(), request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
    wire.read_ours();
    EXPECT_EQ(wire.outcome, -2);
    EXPECT_EQ(wire.tls().error(), "http request");
    wire.ours.reset();
    std::string got(4096, '\0');
    const auto n = recv(wire.theirs.get(), got.data(), got.size(), 0);
    ASSERT_GT(n, 0);
    got.resize(static_cast<std::size_t>(n));
    EXPECT_TRUE(got.starts_with("HTTP/1.1 400 ")) << got;
    const auto body = got.find("\r\n\r\n") + 4;
    EXPECT_NE(got.find(fmt::format("Content-Length: {}\r\n", got.size() - body)), std::string::npos) << got;
    EXPECT_EQ(recv(wire.theirs.get(), got.data(), got.size(), 0), 0) << "an end, not a reset";
  }
}

TEST(TlsSession, GarbageIsABreak) {
  for (const std::string_view bytes :
       {std::string_view("\0\0\0\0\0\0\0\0\0\0\0", 11), std::string_view("SSH-2.0-x\r\n"),
        std::string_view("\x16\x03\x01\xff\xff\x01", 6)}) {
    Wire wire(context());
    ASSERT_EQ(send(wire.theirs.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    wire.read_ours();
    EXPECT_EQ(wire.outcome, -2);
    EXPECT_NE(wire.tls().error(), "");
  }
}

TEST(TlsSession, HandshakesAreCounted) {
  const auto counted = [](std::string_view outcome) {
    double value = 0;
    for (const auto& s : metrics::samples("tls_handshakes_total")) {
      if (s.first == outcome) value += s.value;
    }
    return value;
  };
  const double ok = counted("ok");
  const double refused = counted("refused");
  {
    Wire good(context());
    ASSERT_TRUE(good.shake_hands());
    Wire left(context());
    left.read_ours();
  }
  EXPECT_EQ(counted("ok") - ok, 1);
  EXPECT_EQ(counted("refused") - refused, 1) << "one that was begun and not finished";
}

}  // namespace
}  // namespace gatecast::net
