#include "identity/telegram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "identity/test_telegram.hpp"

namespace gatecast::identity {
namespace {

using namespace std::chrono_literals;

const WallTime kNow = TestTelegram::now();

std::string name_of(const Result<TelegramClaim>& claim) {
  return claim ? "accepted" : std::string(info(claim.error().code).name);
}

std::string verdict(const TelegramFields& fields, std::optional<std::int64_t> bot = std::nullopt, WallTime now = kNow) {
  return name_of(verify_init_data(TestTelegram::query(fields), TestTelegram::policy(), now, bot));
}

std::string widget_verdict(const TelegramFields& fields, std::optional<std::int64_t> bot = std::nullopt,
                           WallTime now = kNow) {
  const std::string by_query =
      name_of(verify_login_widget(TestTelegram::query(fields), TestTelegram::policy(), now, bot));
  EXPECT_EQ(name_of(verify_login_widget(fields, TestTelegram::policy(), now, bot)), by_query);
  return by_query;
}

std::string& value_of(TelegramFields& fields, std::string_view name) {
  return std::ranges::find(fields, name, &TelegramField::name)->value;
}

TelegramFields without(TelegramFields fields, std::string_view name) {
  std::erase_if(fields, [name](const auto& field) { return field.name == name; });
  return fields;
}

void expect_profile(const Result<TelegramClaim>& claim, std::int64_t bot) {
  ASSERT_TRUE(claim) << claim.error().detail;
  EXPECT_EQ(claim->bot_id, bot);
  EXPECT_EQ(claim->telegram_id, 279058397);
  EXPECT_EQ(claim->first_name, "Vlad + / \xc3\xa9");
  EXPECT_EQ(claim->last_name, "K");
  EXPECT_EQ(claim->username, "vdk");
  EXPECT_EQ(claim->language, "ru");
  EXPECT_EQ(claim->photo_url, "https://t.me/i/x.svg");
  EXPECT_TRUE(claim->is_premium);
  EXPECT_EQ(claim->start_param, "ref-7");
  EXPECT_EQ(claim->auth_date, kNow);
  EXPECT_EQ(claim->replay_key.size(), 32U);
}

TEST(Telegram, EveryConfiguredBotVouchesForItsOwn) {
  const TelegramPolicy policy = TestTelegram::policy();
  for (const std::int64_t bot : {1, 2}) {
    const std::string query = TestTelegram::query(TestTelegram::sign(TestTelegram::fields(), bot));
    expect_profile(verify_init_data(query, policy, kNow), bot);
    expect_profile(verify_init_data(query, policy, kNow, bot), bot);
  }
  for (const auto& [bot, seed] : {std::pair{3, 'p'}, std::pair{4, 't'}}) {
    const std::string query = TestTelegram::query(TestTelegram::sign(TestTelegram::fields(), bot, seed));
    expect_profile(verify_init_data(query, policy, kNow), bot);
    expect_profile(verify_init_data(query, policy, kNow, bot), bot);
  }
}

TEST(Telegram, BotsDoNotVouchForOthers) {
  const TelegramFields first = TestTelegram::sign(TestTelegram::fields(), 1, 'p');
  EXPECT_EQ(verdict(first), "accepted");
  EXPECT_EQ(verdict(first, 1), "accepted");
  EXPECT_EQ(verdict(first, 2), "initdata_signature");
  EXPECT_EQ(verdict(first, 3), "initdata_signature");
  EXPECT_EQ(verdict(first, 9), "bot_unknown");
  EXPECT_EQ(verdict(TestTelegram::sign(TestTelegram::fields(), 9, 'p')), "initdata_signature");
  TelegramPolicy none = TestTelegram::policy();
  none.bots.clear();
  EXPECT_EQ(name_of(verify_init_data(TestTelegram::query(first), none, kNow)), "bot_unknown");
}

TEST(Telegram, EnvironmentsHaveKeysOfTheirOwn) {
  EXPECT_EQ(verdict(TestTelegram::sign(TestTelegram::fields(), 3, 't'), 3), "initdata_signature");
  EXPECT_EQ(verdict(TestTelegram::sign(TestTelegram::fields(), 4, 'p'), 4), "initdata_signature");
  EXPECT_EQ(verdict(TestTelegram::sign(TestTelegram::fields(), 3, 'x'), 3), "initdata_signature");
  EXPECT_EQ(verdict(TestTelegram::sign(TestTelegram::fields(), 3), 3), "initdata_signature");
}

// The signature of Telegram says nothing to a bot whose token is known: there the HMAC decides.
TEST(Telegram, WithATokenTheHashDecides) {
  TelegramFields fields = TestTelegram::sign(TestTelegram::fields(), 1, 'p');
  value_of(fields, "hash") = std::string(64, '0');
  EXPECT_EQ(verdict(fields, 1), "initdata_signature");
  // And the hash covers the signature.
  fields = TestTelegram::sign(TestTelegram::fields(), 1, 'p');
  value_of(fields, "signature") = value_of(fields, "signature").substr(0, 80) + "aaaaaQ";
  EXPECT_EQ(verdict(fields, 1), "initdata_signature");
  EXPECT_EQ(verdict(without(fields, "signature"), 1), "initdata_signature");
}

TEST(Telegram, WithoutATokenTheHashIsNotLookedAt) {
  TelegramFields fields = TestTelegram::sign(TestTelegram::fields(), 3, 'p');
  value_of(fields, "hash") = std::string(64, '0');
  EXPECT_EQ(verdict(fields), "accepted");
  EXPECT_EQ(verdict(without(fields, "hash")), "initdata_malformed");
}

TEST(Telegram, OneKindOfDataIsNotAnother) {
  EXPECT_EQ(verdict(TestTelegram::sign_widget(TestTelegram::fields(), 1)), "initdata_signature");
  EXPECT_EQ(widget_verdict(TestTelegram::sign(TestTelegram::widget_fields(), 1)), "widget_signature");
}

TEST(Telegram, AgeDecides) {
  const TelegramFields mini = TestTelegram::sign(TestTelegram::fields(), 1);
  const TelegramFields third = TestTelegram::sign(TestTelegram::fields(), 3, 'p');
  const TelegramFields widget = TestTelegram::sign_widget(TestTelegram::widget_fields(), 1);
  const auto expect = [&](WallTime now, const std::string& word) {
    const std::string after = word == "accepted" ? "" : "_" + word;
    EXPECT_EQ(verdict(mini, 1, now), after.empty() ? "accepted" : "initdata" + after);
    EXPECT_EQ(verdict(third, 3, now), after.empty() ? "accepted" : "initdata" + after);
    EXPECT_EQ(widget_verdict(widget, 1, now), after.empty() ? "accepted" : "widget" + after);
  };
  expect(kNow, "accepted");
  expect(kNow + 15min, "accepted");
  expect(kNow + 15min + 1ms, "expired");
  expect(kNow + 24h * 365, "expired");
  expect(kNow - 60s, "accepted");
  expect(kNow - 60s - 1ms, "from_future");
  expect(from_unix_seconds(0), "from_future");
}

TEST(Telegram, AnAgeIsJudgedOnlyOfSignedData) {
  TelegramFields fields = TestTelegram::sign(TestTelegram::fields(), 1);
  value_of(fields, "auth_date") = "1";
  EXPECT_EQ(verdict(fields), "initdata_signature");
}

struct Rule {
  const char* name;
  std::function<void(TelegramFields&)> change;
  const char* expected;
};

TEST(Telegram, SignedFieldsDecide) {
  const auto user = [](const char* json) { return [json](TelegramFields& f) { value_of(f, "user") = json; }; };
  const Rule rules[] = {
      {"as it is", [](auto&) {}, "accepted"},
      {"unknown fields", [](auto& f) { f.push_back({"chat_instance", "-81"}), f.push_back({"zz_9", "x"}); },
       "accepted"},
      {"no start_param", [](auto& f) { f = without(f, "start_param"); }, "accepted"},
      {"no auth_date", [](auto& f) { f = without(f, "auth_date"); }, "initdata_malformed"},
      {"bad auth_date", [](auto& f) { value_of(f, "auth_date") = "soon"; }, "initdata_malformed"},
      {"no user", [](auto& f) { f = without(f, "user"); }, "initdata_no_user"},
      {"empty user", user(""), "initdata_malformed"},
      {"user is a list", user("[]"), "initdata_malformed"},
      {"user is cut", user(R"({"id":1)"), "initdata_malformed"},
      {"more than a user", user(R"({"id":1}{})"), "initdata_malformed"},
      {"user of an id alone", user(R"({"id":1})"), "accepted"},
      {"user with unknown members", user(R"({"id":1,"added":{"to":[null]}})"), "accepted"},
      {"no id", user(R"({"first_name":"V"})"), "initdata_malformed"},
      {"id twice", user(R"({"id":1,"id":2})"), "initdata_malformed"},
      {"id twice by escape", user(R"({"id":1,"\u0069d":2})"), "initdata_malformed"},
      {"id as text", user(R"({"id":"1"})"), "initdata_malformed"},
      {"id zero", user(R"({"id":0})"), "initdata_malformed"},
      {"negative id", user(R"({"id":-5})"), "initdata_malformed"},
      {"fraction", user(R"({"id":1.5})"), "initdata_malformed"},
      {"exponent", user(R"({"id":1e3})"), "initdata_malformed"},
      {"largest id", user(R"({"id":4503599627370496})"), "accepted"},
      {"id too large", user(R"({"id":4503599627370497})"), "initdata_malformed"},
      {"id over 64 bits", user(R"({"id":18446744073709551617})"), "initdata_malformed"},
      {"name is a number", user(R"({"id":1,"first_name":5})"), "initdata_malformed"},
      {"name is null", user(R"({"id":1,"username":null})"), "initdata_malformed"},
      {"name with a NUL", user(R"({"id":1,"last_name":"a\u0000b"})"), "initdata_malformed"},
      {"half a surrogate", user(R"({"id":1,"first_name":"\ud83d"})"), "initdata_malformed"},
      {"premium is a number", user(R"({"id":1,"is_premium":1})"), "initdata_malformed"},
      {"not premium", user(R"({"id":1,"is_premium":false})"), "accepted"},
  };
  for (const auto& rule : rules) {
    TelegramFields fields = TestTelegram::fields();
    rule.change(fields);
    EXPECT_EQ(verdict(TestTelegram::sign(fields, 1)), rule.expected) << rule.name;
    EXPECT_EQ(verdict(TestTelegram::sign(fields, 3, 'p')), rule.expected) << rule.name;
  }
}

TEST(Telegram, PremiumIsWhatTheUserSays) {
  TelegramFields fields = TestTelegram::fields();
  for (const auto& [json, premium] :
       {std::pair{R"({"id":1,"is_premium":false})", false}, std::pair{R"({"id":1})", false},
        std::pair{R"({"id":1,"is_premium":true})", true}}) {
    value_of(fields, "user") = json;
    const auto claim =
        verify_init_data(TestTelegram::query(TestTelegram::sign(fields, 1)), TestTelegram::policy(), kNow);
    ASSERT_TRUE(claim);
    EXPECT_EQ(claim->is_premium, premium) << json;
    EXPECT_EQ(claim->username, "");
  }
}

TEST(Telegram, FormsComeFirst) {
  TelegramFields fields = TestTelegram::sign(TestTelegram::fields(), 1);
  EXPECT_EQ(verdict(without(fields, "hash")), "initdata_malformed");
  std::string& hash = value_of(fields, "hash");
  std::ranges::transform(hash, hash.begin(), [](char c) { return static_cast<char>(toupper(c)); });
  EXPECT_EQ(verdict(fields), "initdata_malformed");
  fields = TestTelegram::sign(TestTelegram::fields(), 3, 'p');
  value_of(fields, "signature") += "==";
  EXPECT_EQ(verdict(fields), "initdata_malformed");
  EXPECT_EQ(name_of(verify_init_data("", TestTelegram::policy(), kNow)), "initdata_malformed");
  EXPECT_EQ(name_of(verify_init_data("a=1&a=1", {}, kNow)), "initdata_malformed");
  EXPECT_EQ(name_of(verify_login_widget("", TestTelegram::policy(), kNow)), "widget_malformed");
}

// With a line feed in a value, or `=` in a name, the same check string would stand for other fields: here the signed
// start_param would disappear.
TEST(Telegram, SignedFieldsCannotBeCutOrJoined) {
  TelegramFields good = TestTelegram::fields();
  value_of(good, "start_param") = "ref=7";
  good = TestTelegram::sign(good, 1);
  ASSERT_EQ(verdict(good), "accepted");
  TelegramFields joined = without(good, "start_param");
  value_of(joined, "query_id") += "\nstart_param=ref=7";
  EXPECT_EQ(verdict(joined), "initdata_malformed");
  TelegramFields renamed = without(good, "start_param");
  renamed.push_back({"start_param=ref", "7"});
  EXPECT_EQ(verdict(renamed), "initdata_malformed");
}

TEST(Telegram, TheReplayKeyIsThatOfTheDataNotOfItsSpelling) {
  const TelegramPolicy policy = TestTelegram::policy();
  const auto key = [&policy](const std::string& query) {
    return verify_init_data(query, policy, kNow).value().replay_key;
  };
  TelegramFields fields = TestTelegram::sign(TestTelegram::fields(), 1);
  const std::string query = TestTelegram::query(fields);
  std::ranges::reverse(fields);
  EXPECT_EQ(key(TestTelegram::query(fields)), key(query));
  std::string other = query;
  other.replace(other.find("%20"), 3, "+");
  EXPECT_EQ(key(other), key(query));
  other.replace(other.find("ref"), 3, "%72ef");
  EXPECT_EQ(key(other), key(query));
  // A hash that nobody looks at does not make new data of old.
  TelegramFields third = TestTelegram::sign(TestTelegram::fields(), 3, 'p');
  const std::string before = key(TestTelegram::query(third));
  value_of(third, "hash") = std::string(64, '0');
  EXPECT_EQ(key(TestTelegram::query(third)), before);
  // Another bot, another second, another kind: other data.
  EXPECT_NE(key(TestTelegram::query(TestTelegram::sign(TestTelegram::fields(), 2))), key(query));
  EXPECT_NE(before, key(query));
  TelegramFields later = TestTelegram::fields();
  value_of(later, "auth_date") = std::to_string(unix_seconds(kNow) + 1);
  EXPECT_NE(key(TestTelegram::query(TestTelegram::sign(later, 1))), key(query));
  const auto widget = verify_login_widget(TestTelegram::sign_widget(TestTelegram::widget_fields(), 1), policy, kNow);
  const auto second = verify_login_widget(TestTelegram::sign_widget(TestTelegram::widget_fields(), 2), policy, kNow);
  ASSERT_TRUE(widget && second);
  EXPECT_NE(widget->replay_key, second->replay_key);
}

TEST(Telegram, CutAnywhereIsRefused) {
  for (const TelegramFields& fields :
       {TestTelegram::sign(TestTelegram::fields(), 1), TestTelegram::sign(TestTelegram::fields(), 3, 'p')}) {
    const std::string query = TestTelegram::query(fields);
    for (std::size_t cut = 0; cut < query.size(); ++cut) {
      EXPECT_NE(name_of(verify_init_data(query.substr(0, cut), TestTelegram::policy(), kNow)), "accepted") << cut;
    }
  }
  const std::string widget = TestTelegram::query(TestTelegram::sign_widget(TestTelegram::widget_fields(), 1));
  for (std::size_t cut = 0; cut < widget.size(); ++cut) {
    EXPECT_NE(name_of(verify_login_widget(widget.substr(0, cut), TestTelegram::policy(), kNow)), "accepted") << cut;
  }
}

TEST(Telegram, EveryChangedByteIsRefused) {
  for (const bool widget : {false, true}) {
    const TelegramFields good = widget ? TestTelegram::sign_widget(TestTelegram::widget_fields(), 1)
                                       : TestTelegram::sign(TestTelegram::fields(), 1, 'p');
    for (std::size_t f = 0; f < good.size(); ++f) {
      for (std::size_t i = 0; i < good[f].value.size(); ++i) {
        TelegramFields fields = good;
        fields[f].value[i] ^= 1;
        EXPECT_NE(widget ? widget_verdict(fields) : verdict(fields), "accepted") << good[f].name << " " << i;
      }
      EXPECT_NE(widget ? widget_verdict(without(good, good[f].name)) : verdict(without(good, good[f].name)),
                "accepted");
    }
  }
  const TelegramFields third = TestTelegram::sign(TestTelegram::fields(), 3, 'p');
  for (std::size_t f = 0; f < third.size(); ++f) {
    if (third[f].name == "hash") continue;
    for (std::size_t i = 0; i < third[f].value.size(); ++i) {
      TelegramFields fields = third;
      fields[f].value[i] ^= 1;
      EXPECT_NE(verdict(fields), "accepted") << third[f].name << " " << i;
    }
  }
}

TEST(TelegramWidget, SaysWhoItIs) {
  const TelegramFields fields = TestTelegram::sign_widget(TestTelegram::widget_fields(), 2);
  const auto claim = verify_login_widget(fields, TestTelegram::policy(), kNow);
  ASSERT_TRUE(claim) << claim.error().detail;
  EXPECT_EQ(claim->bot_id, 2);
  EXPECT_EQ(claim->telegram_id, 279058397);
  EXPECT_EQ(claim->first_name, "Vlad & +");
  EXPECT_EQ(claim->last_name, "K");
  EXPECT_EQ(claim->username, "vdk");
  EXPECT_EQ(claim->photo_url, "https://t.me/i/x.jpg");
  EXPECT_EQ(claim->auth_date, kNow);
  EXPECT_EQ(claim->replay_key.size(), 32U);
  EXPECT_EQ(widget_verdict(fields), "accepted");
}

TEST(TelegramWidget, SignedFieldsDecide) {
  const auto id = [](const char* text) { return [text](TelegramFields& f) { value_of(f, "id") = text; }; };
  const Rule rules[] = {
      {"as it is", [](auto&) {}, "accepted"},
      {"id alone", [](auto& f) { f = {f.front(), f.back()}; }, "accepted"},
      {"no id", [](auto& f) { f = without(f, "id"); }, "widget_malformed"},
      {"empty id", id(""), "widget_malformed"},
      {"id zero", id("0"), "widget_malformed"},
      {"negative id", id("-1"), "widget_malformed"},
      {"leading zero", id("01"), "widget_malformed"},
      {"blank", id("1 "), "widget_malformed"},
      {"id too large", id("4503599627370497"), "widget_malformed"},
      {"no auth_date", [](auto& f) { f = without(f, "auth_date"); }, "widget_malformed"},
  };
  for (const auto& rule : rules) {
    TelegramFields fields = TestTelegram::widget_fields();
    rule.change(fields);
    EXPECT_EQ(widget_verdict(TestTelegram::sign_widget(fields, 1)), rule.expected) << rule.name;
  }
}

TEST(TelegramWidget, BotsVouchByTokenAlone) {
  const TelegramFields fields = TestTelegram::sign_widget(TestTelegram::widget_fields(), 1);
  EXPECT_EQ(widget_verdict(fields, 1), "accepted");
  EXPECT_EQ(widget_verdict(fields, 2), "widget_signature");
  EXPECT_EQ(widget_verdict(fields, 3), "widget_signature");
  EXPECT_EQ(widget_verdict(fields, 9), "bot_unknown");
  EXPECT_EQ(widget_verdict(without(fields, "hash")), "widget_malformed");
  TelegramFields twice = fields;
  twice.push_back(twice.front());
  EXPECT_EQ(widget_verdict(twice), "widget_malformed");
}

TEST(TelegramBot, TokensBelongToTheirBot) {
  EXPECT_TRUE(TelegramBot::make(7, Secret("7:abc")));
  EXPECT_TRUE(TelegramBot::make(7, Secret()));
  EXPECT_FALSE(TelegramBot::make(7, Secret())->has_token());
  for (const char* bad : {"8:abc", "77:abc", "abc", "7", " 7:abc", "\"7:abc\""}) {
    const Result<TelegramBot> bot = TelegramBot::make(7, Secret(bad));
    ASSERT_FALSE(bot) << bad;
    EXPECT_EQ(bot.error().code, Errc::config_invalid);
    EXPECT_EQ(bot.error().detail.find("abc"), std::string::npos) << "the token must not be in a detail";
  }
  EXPECT_FALSE(TelegramBot::make(0, Secret()));
  EXPECT_FALSE(TelegramBot::make(-7, Secret("-7:abc")));
}

}  // namespace
}  // namespace gatecast::identity
