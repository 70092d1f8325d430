// Init data and widget data published by open test suites.
#include <gtest/gtest.h>

#include "identity/test_telegram.hpp"

namespace gatecast::identity {
namespace {

using namespace std::chrono_literals;

std::string hex_mac(const Secret& key, std::string_view text) {
  return hex_encode(crypto::hmac(crypto::HashKind::sha256, key.expose(), text));
}

struct Published {
  std::int64_t bot;
  const char* token;
  const char* secret;
  std::int64_t auth_date;
  std::string query;
  const char* first_name;
};

const Published kHashOnly{
    5768337691,
    "5768337691:AAH5YkoiEuPk8-FZa32hStHTqXiLPtAEhx8",
    "a5c609aa52f63cb5e6d8ceb6e4138726ea82bbc36bb786d64482d445ea38ee5f",
    1662771648,
    "query_id=AAHdF6IQAAAAAN0XohDhrOrc&user=%7B%22id%22%3A279058397%2C%22first_name%22%3A%22Vladislav%22%2C%22last_name"
    "%22%3A%22Kibenko%22%2C%22username%22%3A%22vdkfrost%22%2C%22language_code%22%3A%22ru%22%2C%22is_premium%22%3Atrue%"
    "7D"
    "&auth_date=1662771648&hash=c501b71e775f74ce10e377dea85a7ea24ecd640b223ea86dfe453e0eaed2e2b2",
    "Vladislav"};

const Published kBoth{
    7342037359,
    "7342037359:AAFZehRPBRs8Seg40oDjTMIW8uTGPuW1zfQ",
    "c0881d6d547967540dcb06d7378a2c2b2c79a8f915ae70a4a37a8a04de0da32b",
    1733584787,
    "user=%7B%22id%22%3A279058397%2C%22first_name%22%3A%22Vladislav%20%2B%20-%20%3F%20%5C%2F%22%2C%22last_name%22%3A%22"
    "Kibenko%22%2C%22username%22%3A%22vdkfrost%22%2C%22language_code%22%3A%22ru%22%2C%22is_premium%22%3Atrue%2C%22"
    "allows_write_to_pm%22%3Atrue%2C%22photo_url%22%3A%22https%3A%5C%2F%5C%2Ft.me%5C%2Fi%5C%2Fuserpic%5C%2F320%5C%2F"
    "4FPEE4tmP3ATHa57u6MqTDih13LTOiMoKoLDRG4PnSA.svg%22%7D&chat_instance=8134722200314281151&chat_type=private"
    "&auth_date=1733584787&signature=zL-ucjNyREiHDE8aihFwpfR9aggP2xiAo3NSpfe-p7IbCisNlDKlo7Kb6G4D0Ao2mBrSgEk4maLSdv6M"
    "LIlADQ&hash=2174df5b000556d044f3f020384e879c8efcab55ddea2ced4eb752e93e7080d6",
    "Vladislav + - ? /"};

TEST(TelegramVectors, HashesVerifyAsPublished) {
  for (const Published& each : {kHashOnly, kBoth}) {
    EXPECT_EQ(hex_encode(web_app_secret(Secret(each.token)).expose()), each.secret);
    const TelegramPolicy policy{.bots = {TelegramBot::make(each.bot, Secret(each.token)).value()}};
    const WallTime then = from_unix_seconds(each.auth_date);
    const auto claim = verify_init_data(each.query, policy, then + 1s);
    ASSERT_TRUE(claim) << claim.error().detail;
    EXPECT_EQ(claim->bot_id, each.bot);
    EXPECT_EQ(claim->telegram_id, 279058397);
    EXPECT_EQ(claim->first_name, each.first_name);
    EXPECT_EQ(claim->last_name, "Kibenko");
    EXPECT_EQ(claim->username, "vdkfrost");
    EXPECT_EQ(claim->language, "ru");
    EXPECT_TRUE(claim->is_premium);
    EXPECT_EQ(claim->auth_date, then);
    const auto late = verify_init_data(each.query, policy, then + 24h);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, Errc::initdata_expired);
  }
}

TEST(TelegramVectors, SignaturesVerifyAsPublished) {
  const WallTime then = from_unix_seconds(kBoth.auth_date);
  const auto verdict = [then](const std::string& query, std::int64_t bot, TelegramEnvironment environment) {
    const TelegramPolicy policy{.bots = {TelegramBot::make(bot, Secret(), environment).value()}};
    const auto claim = verify_init_data(query, policy, then);
    return claim ? claim->photo_url : std::string(info(claim.error().code).name);
  };
  EXPECT_EQ(verdict(kBoth.query, kBoth.bot, TelegramEnvironment::production),
            "https://t.me/i/userpic/320/4FPEE4tmP3ATHa57u6MqTDih13LTOiMoKoLDRG4PnSA.svg");
  EXPECT_EQ(verdict(kBoth.query, kBoth.bot, TelegramEnvironment::test), "initdata_signature");
  EXPECT_EQ(verdict(kBoth.query, kBoth.bot + 1, TelegramEnvironment::production), "initdata_signature");
  EXPECT_EQ(verdict(kHashOnly.query, kHashOnly.bot, TelegramEnvironment::production), "initdata_signature");
  std::string changed = kBoth.query;
  changed.replace(changed.find("private"), 7, "privatf");
  EXPECT_EQ(verdict(changed, kBoth.bot, TelegramEnvironment::production), "initdata_signature");
  // Both ways of verifying see the same data.
  const auto by_hash =
      verify_init_data(kBoth.query, {.bots = {TelegramBot::make(kBoth.bot, Secret(kBoth.token)).value()}}, then);
  const auto by_signature =
      verify_init_data(kBoth.query, {.bots = {TelegramBot::make(kBoth.bot, Secret()).value()}}, then);
  ASSERT_TRUE(by_hash && by_signature);
  EXPECT_EQ(by_hash->replay_key, by_signature->replay_key);
}

TEST(TelegramVectors, TheSecretIsTheMacOfTheToken) {
  const Secret secret = web_app_secret(Secret("my-secret-token"));
  EXPECT_EQ(hex_encode(secret.expose()), "fe37f490481d351837ed49f3b369c886c61013d6d036656fc3c9c92e163e3477");
  EXPECT_EQ(hex_mac(secret, "abc"), "6ecc2e9b51f30dde6877ce374ede54eb626c84e78a5d9a9dcac54d2d248f6bde");
}

// The published token is blanked out, so no bot can be made of it: key and check string are compared.
TEST(TelegramVectors, WidgetHashesVerifyAsPublished) {
  const InitData data = InitData::from_fields({{"username", "klimsidorov"},
                                               {"id", "1"},
                                               {"first_name", "Klim"},
                                               {"last_name", "Sidorov"},
                                               {"photo_url", "https://t.me/klimsidorov"},
                                               {"auth_date", "976255200"}})
                            .value();
  EXPECT_EQ(hex_mac(widget_secret(Secret("XXXXXXXX:XXXXXXXXXXXXXXXXXXXXXXXX")), data.check_string({"hash"})),
            "b7a7fc776729077786e4190aec2c5dcecd2ec66ae0faf1b44316d541b955da95");
}

TEST(TelegramVectors, KeysOfTelegramAreSound) {
  const TelegramKeys keys = telegram_keys();
  EXPECT_FALSE(crypto::ed25519_is_weak(keys.production));
  EXPECT_FALSE(crypto::ed25519_is_weak(keys.test));
  EXPECT_NE(keys.production, keys.test);
}

}  // namespace
}  // namespace gatecast::identity
