#include "net/tls_context.hpp"

#include "net/tls_testing.hpp"

namespace gatecast::net {
namespace {

using testing::context_of;
using testing::Folder;
using testing::load;
using testing::make_pair;
using testing::Pair;

WallTime now() { return SystemClock().wall(); }

struct Chain {
  Pair root = make_pair({.name = "root", .names = "", .authority = true});
  Pair middle = make_pair({.name = "middle", .names = "", .issuer = &root, .authority = true});
  Pair own = make_pair({.issuer = &middle});
};

TEST(TlsContext, SaysWhatTheCertificateSays) {
  const auto pair = make_pair({.name = "one\ntwo", .names = "DNS:app.example,DNS:*.app.example,IP:10.1.2.3,IP:::1"});
  const auto context = context_of(pair);
  ASSERT_NE(context, nullptr);
  const auto& says = context->certificate();
  EXPECT_EQ(says.subject, "CN=one\\0Atwo") << "control characters are escaped";
  EXPECT_EQ(says.issuer, says.subject);
  EXPECT_EQ(says.names, (std::vector<std::string>{"app.example", "*.app.example", "10.1.2.3", "::1"}));
  EXPECT_EQ(says.fingerprint.size(), 32 * 3 - 1);
  EXPECT_NEAR(static_cast<double>(unix_seconds(says.not_after) - unix_seconds(now())), 86400 * 90, 60);
  EXPECT_TRUE(context->doubts().empty()) << context->doubts()[0];
}

TEST(TlsContext, TakesAChainInOrder) {
  const Chain chain;
  const Folder folder;
  const auto own = chain.own.certificate_pem();
  const auto rest = chain.middle.certificate_pem() + chain.root.certificate_pem();
  EXPECT_TRUE(load(folder, own + rest, chain.own.key_pem()).has_value());
  EXPECT_TRUE(load(folder, "a comment\n" + own + "\n", chain.own.key_pem()).has_value());
}

TEST(TlsContext, Refuses) {
  const Chain chain;
  const Folder folder;
  const auto own = chain.own.certificate_pem();
  const auto key = chain.own.key_pem();
  const auto past = make_pair({.from_seconds = -7200, .to_seconds = -1});
  const Pair old_authority = make_pair(
      {.name = "old", .names = "", .from_seconds = -7200, .to_seconds = -1, .issuer = &chain.root, .authority = true});
  const auto of_old = make_pair({.issuer = &old_authority});
  const auto small = make_pair({.rsa_bits = 1024});
  struct Case {
    std::string certificates;
    std::string key;
    Errc code;
    std::string_view says;
  };
  for (const auto& c : {
           Case{"", key, Errc::tls_certificate, "cert.pem: holds no certificate"},
           Case{key, key, Errc::tls_certificate, "cert.pem: holds no certificate"},
           Case{own.substr(0, own.size() / 2), key, Errc::tls_certificate, "cert.pem: certificate 1 cannot be read"},
           Case{own + "-----BEGIN CERTIFICATE-----\nnot one\n-----END CERTIFICATE-----\n", key, Errc::tls_certificate,
                "certificate 2 cannot be read"},
           Case{own + chain.root.certificate_pem(), key, Errc::tls_certificate, "certificate 2 did not issue"},
           Case{chain.middle.certificate_pem() + own, key, Errc::tls_certificate, "certificate 2 did not issue"},
           Case{past.certificate_pem(), past.key_pem(), Errc::tls_certificate, "certificate 1 ended"},
           Case{of_old.certificate_pem() + old_authority.certificate_pem(), of_old.key_pem(), Errc::tls_certificate,
                "certificate 2 ended"},
           Case{small.certificate_pem(), small.key_pem(), Errc::tls_certificate, "too small"},
           Case{std::string((1u << 20) + 1, 'x'), key, Errc::tls_certificate, "larger than 1 MB"},
           Case{own, "", Errc::tls_key, "key.pem: holds no private key"},
           Case{own, own, Errc::tls_key, "key.pem: holds no private key"},
           Case{own, key.substr(0, key.size() / 2), Errc::tls_key, "key.pem: holds no private key"},
           Case{own, chain.middle.key_pem(), Errc::tls_key, "is not the key of the certificate in"},
           Case{own, chain.own.key_pem("password"), Errc::tls_key, "under a password"},
       }) {
    const auto refused = load(folder, c.certificates, c.key);
    ASSERT_FALSE(refused.has_value()) << c.says;
    EXPECT_EQ(refused.error().code, c.code) << c.says;
    EXPECT_NE(refused.error().detail.find(c.says), std::string::npos) << refused.error().detail;
    EXPECT_NE(refused.error().detail.find(folder.path()), std::string::npos) << "which file?";
    EXPECT_EQ(refused.error().detail.find("PRIVATE"), std::string::npos);
  }
  const auto file = folder.write("own.pem", own);
  for (const auto& missing : {folder.path() + "/none.pem", folder.path()}) {
    EXPECT_EQ(TlsContext::load(missing, file, now()).error().code, Errc::tls_certificate);
    EXPECT_EQ(TlsContext::load(file, missing, now()).error().code, Errc::tls_key);
  }
}

TEST(TlsContext, WarnsOfWhatWillFail) {
  const Folder folder;
  constexpr long kDay = 86400;
  const auto doubts = [&](const testing::Wish& wish, mode_t mode = 0600) {
    const auto pair = make_pair(wish);
    const auto loaded = load(folder, pair.certificate_pem(), pair.key_pem(), mode);
    EXPECT_TRUE(loaded.has_value()) << loaded.error().detail;
    return fmt::format("{}", fmt::join((*loaded)->doubts(), "|"));
  };
  EXPECT_EQ(doubts({}), "");
  EXPECT_EQ(doubts({}, 0640), "") << "a group of its own may read keys";
  EXPECT_NE(doubts({}, 0644).find("others may read the key"), std::string::npos);
  EXPECT_NE(doubts({.from_seconds = -80 * kDay, .to_seconds = 10 * kDay + 60}).find("10 days left"), std::string::npos);
  EXPECT_EQ(doubts({.from_seconds = -2 * kDay, .to_seconds = 5 * kDay}), "") << "one of a week is renewed late";
  EXPECT_NE(doubts({.from_seconds = -5 * kDay, .to_seconds = 2 * kDay}).find("days left"), std::string::npos);
  EXPECT_NE(doubts({.from_seconds = 3600}).find("not yet"), std::string::npos);
  EXPECT_NE(doubts({.names = ""}).find("names no host"), std::string::npos);
  EXPECT_NE(doubts({.purpose = "clientAuth"}).find("not made for servers"), std::string::npos);
}

}  // namespace
}  // namespace gatecast::net
