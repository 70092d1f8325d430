#include "session/tickets.hpp"

#include <gtest/gtest.h>

#include "core/text_form.hpp"
#include "session/sid.hpp"

namespace gatecast::session {
namespace {

using namespace std::chrono_literals;

SessionKeyList keys(char letter) { return {{.id = "k", .secret = Secret(std::string(32, letter))}}; }
TicketKeys made(const SessionKeyList& list) { return *TicketKeys::make(list); }

const WallTime kNow{std::chrono::seconds{1'800'000'000}};

TicketHolder holder(const std::string& user = "user1") {
  return {.user_id = user,
          .sid = SidKeys::make(keys('a'))->issue(user),
          .iat = 1'799'999'000,
          .exp = 1'800'001'000,
          .gen = 7};
}

TEST(Tickets, OpenToWhatTheyWereMadeOf) {
  const TicketKeys tickets = made(keys('a'));
  for (const std::string& user : {std::string("u"), std::string(64, 'x')}) {
    const auto text = tickets.write(holder(user), kNow);
    EXPECT_TRUE(TicketKeys::looks_like(text));
    EXPECT_LE(text.size(), kTicketBytesMax);
    const auto opened = tickets.open(text, kNow + 59s);
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(opened->holder.user_id, user);
    EXPECT_EQ(opened->holder.gen, 7U);
    EXPECT_EQ(opened->holder.exp, 1'800'001'000);
    EXPECT_EQ(opened->ends, kNow + 60s);
  }
}

TEST(Tickets, EachIsUsedUpByItself) {
  const TicketKeys tickets = made(keys('a'));
  const TicketHolder who = holder();
  const auto one = tickets.open(tickets.write(who, kNow), kNow);
  const auto two = tickets.open(tickets.write(who, kNow), kNow);
  EXPECT_EQ(one->holder, two->holder);
  EXPECT_NE(one->nonce, two->nonce);
}

TEST(Tickets, EndAfterAMinute) {
  const TicketKeys tickets = made(keys('a'));
  EXPECT_EQ(tickets.open(tickets.write(holder(), kNow), kNow + 60s).error().code, Errc::ticket_expired);
}

TEST(Tickets, AnyChangedOrMissingByteIsRefused) {
  const TicketKeys tickets = made(keys('a'));
  const std::string text = tickets.write(holder(), kNow);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(tickets.open(changed, kNow).error().code, Errc::ticket_invalid) << i;
    EXPECT_EQ(tickets.open(text.substr(0, i), kNow).error().code, Errc::ticket_invalid) << i;
  }
  EXPECT_EQ(tickets.open(text + "A", kNow).error().code, Errc::ticket_invalid);
  EXPECT_EQ(tickets.open(std::string(kTicketBytesMax + 1, 'A'), kNow).error().code, Errc::ticket_invalid);
}

TEST(Tickets, VerifyUnderAllKeysAndNoOther) {
  const std::string text = made(keys('a')).write(holder(), kNow);
  EXPECT_EQ(made(keys('b')).open(text, kNow).error().code, Errc::ticket_invalid);
  SessionKeyList both = keys('b');
  both.push_back(keys('a').front());
  EXPECT_TRUE(made(both).open(text, kNow).has_value());
}

}  // namespace
}  // namespace gatecast::session
