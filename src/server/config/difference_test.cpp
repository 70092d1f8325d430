#include "server/config/difference.hpp"

#include "server/config/keys.hpp"
#include "server/config/table.hpp"
#include "server/config/testing.hpp"

namespace gatecast::server {
namespace {

using Texts = std::vector<std::string>;

Config config_of(std::string_view text) {
  Loaded loaded = load_text(fmt::format("{}\n{}", text, keys()));
  EXPECT_TRUE(loaded.ok()) << listing(loaded);
  return loaded.config;
}

ConfigDifference between(std::string_view before, std::string_view after) {
  return difference(config_of(before), config_of(before), config_of(after));
}

TEST(ConfigDifference, NothingWhereNothingDiffers) {
  const auto same = between("", "");
  EXPECT_EQ(same.changed, Texts{});
  EXPECT_EQ(same.restart, Texts{});
}

TEST(ConfigDifference, NamesTablesByWhatTheyAreCalled) {
  const auto d =
      between("[[namespace]]\nname = \"a\"\nhistory_size = 5\nhistory_ttl = \"1m\"\n[[namespace]]\nname = \"b\"\n",
              "[[namespace]]\nname = \"\"\n[[namespace]]\nname = \"a\"\nhistory_size = 6\nhistory_ttl = \"1m\"\n");
  EXPECT_EQ(d.changed, (Texts{"namespace \"\" added", "namespace a: history_size", "namespace b removed"}));
  EXPECT_EQ(d.restart, Texts{});
}

TEST(ConfigDifference, AnOrderOfNamespacesIsNoChangeOneOfSessionKeysIs) {
  EXPECT_EQ(between("[[namespace]]\nname = \"a\"\n[[namespace]]\nname = \"b\"\n",
                    "[[namespace]]\nname = \"b\"\n[[namespace]]\nname = \"a\"\n")
                .changed,
            Texts{});
  Config one = config_of("");
  one.session.keys[0].id = "s1";
  Config two = one;
  two.session.keys.insert(two.session.keys.begin(), one.session.keys[0]);
  two.session.keys[0].id = "s2";
  two.session.keys[0].fingerprint = "aaaa:bbbb:cccc:dddd";
  EXPECT_EQ(difference(one, one, two).changed,
            (Texts{"session.key s2 (aaaa:bbbb:cccc:dddd) added", "session.key s2 makes"}));
}

TEST(ConfigDifference, ASecretShowsAsItsFingerprintAlone) {
  const std::string second = "0123456789abcdefghijklmnopqrstuvwxyz-ABC";
  const std::string key = "[[api.key]]\nname = \"k\"\nscopes = [\"all\"]\nsecret = \"{}\"\n";
  Config before = config_of(fmt::format(fmt::runtime(key), "zyxwvutsrqponmlkjihgfedcba9876543210-XYZ"));
  Config after = config_of(fmt::format(fmt::runtime(key), second));
  const auto d = difference(before, before, after);
  ASSERT_EQ(d.changed.size(), 1u);
  EXPECT_EQ(d.changed[0], fmt::format("api.key k ({}): secret", after.api_keys[0].fingerprint));
  EXPECT_EQ(d.changed[0].find(second), std::string::npos);
}

TEST(ConfigDifference, WhatNeedsARestartIsComparedWithTheStart) {
  const Config started = config_of("");
  const Config fresh = config_of("[limits]\nmailbox = 2000\n[http]\nbody_bytes = 2048\n[log]\nlevel = \"warn\"\n");
  const auto d = difference(started, fresh, fresh);
  EXPECT_EQ(d.restart, (Texts{"http.body_bytes", "limits.mailbox"}));
  EXPECT_EQ(d.changed, Texts{});
  EXPECT_EQ(difference(started, started, fresh).changed, Texts{"log.level"});
}

TEST(ConfigDifference, TheOneLimitThatTheLogTakesAtOnce) {
  const auto d = difference(config_of(""), config_of(""), config_of("[limits]\nlog_burst = 7\n"));
  EXPECT_EQ(d.restart, Texts{});
  EXPECT_EQ(d.changed, Texts{"limits.log_burst"});
}

/// Every key of the table is compared: one that is forgotten would change unnoticed.
TEST(ConfigDifference, EveryKeyCounts) {
  Config base;
  for (const ArrayRow& array : arrays()) array.resize(base, 1);
  for (const Row& row : rows()) {
    if (row.path.starts_with("token.key.") || row.path == "token.algorithm") continue;
    // What a table is called by makes another table of it.
    Config other = base;
    std::visit(
        [](auto* value) {
          using T = std::remove_pointer_t<decltype(value)>;
          if constexpr (std::is_same_v<T, bool>) {
            *value = !*value;
          } else if constexpr (std::is_same_v<T, std::string>) {
            *value += "x";
          } else if constexpr (std::is_same_v<T, ServiceUrl>) {
            *value = ServiceUrl("x");
          } else if constexpr (std::is_same_v<T, Secret>) {
            *value = Secret(std::string("x"));
          } else if constexpr (std::is_same_v<T, Strings>) {
            value->push_back("x");
          } else if constexpr (std::is_same_v<T, Numbers>) {
            value->push_back(7);
          } else if constexpr (std::is_same_v<T, ClaimsConfig>) {
            value->profile += "x";
          } else if constexpr (std::is_same_v<T, std::optional<WallTime>>) {
            *value = WallTime{std::chrono::milliseconds{7}};
          } else if constexpr (std::is_same_v<T, Millis>) {
            *value += Millis{1};
          } else {
            *value = static_cast<T>(*value + 1);
          }
        },
        row.at(other, 0));
    const auto d = difference(base, base, other);
    EXPECT_GE(d.changed.size() + d.restart.size(), 1u) << row.path;
  }
}

TEST(ConfigDifference, KeysOfTokensAreComparedAsRings) {
  const auto key = [](char c, std::string kid) {
    return *token::Key::from_secret(token::Algorithm::hs256,
                                    Secret(std::string(8, c) + "0123456789abcdefghijklmnopqrst"),
                                    token::SecretEncoding::text, std::move(kid));
  };
  const auto a = key('a', "a"), b = key('b', "b"), other_a = key('c', "a");
  const auto ring = [](std::vector<token::Key> keys) { return *token::KeyRing::make(std::move(keys)); };
  EXPECT_EQ(difference(ring({a}), ring({a})), Texts{});
  EXPECT_EQ(difference(ring({a}), ring({b, a})), (Texts{fmt::format("token.key b ({}) added", b.fingerprint()),
                                                        fmt::format("token.key b ({}) signs", b.fingerprint())}));
  EXPECT_EQ(difference(ring({a, b}), ring({a})), Texts{fmt::format("token.key b ({}) removed", b.fingerprint())});
  EXPECT_EQ(difference(ring({a}), ring({other_a})),
            Texts{fmt::format("token.key a ({}): another key under that id", other_a.fingerprint())});
  auto ending = a;
  ending.set_use_until(WallTime{std::chrono::seconds{1}});
  EXPECT_EQ(difference(ring({a}), ring({ending})), Texts{fmt::format("token.key a ({}): use_until", a.fingerprint())});
}

}  // namespace
}  // namespace gatecast::server
