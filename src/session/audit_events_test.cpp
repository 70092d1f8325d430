#include "session/audit_events.hpp"

#include <gtest/gtest.h>

namespace gatecast::session {
namespace {

TEST(AuditEvents, EventIsOneJsonObjectWithoutWhatIsPersonal) {
  store::AuditRow row{.at = from_unix_ms(1'800'000'000'123),
                      .kind = "operator",
                      .user_id = "u\"1",
                      .sid = "s1",
                      .ip = "192.0.2.1",
                      .code = "ended_by_operator",
                      .detail = "operator:1000",
                      .seq = 42};
  EXPECT_EQ(event_json(row),
            R"({"seq":42,"type":"session.ended","at":"2027-01-15T08:00:00.123Z","user":"u\"1","session":"s1",)"
            R"("reason":"ended_by_operator","data":{}})");
}

TEST(AuditEvents, AGrantsEventHasItsDataAndNotWhoDidIt) {
  store::AuditRow row{.at = from_unix_ms(1'800'000'000'000),
                      .kind = "grant_removed",
                      .user_id = "u1",
                      .detail = R"({"change":"removed","id":"g1","resource":"post:42","key":"}"})"
                                "\nkey:shop",
                      .seq = 7};
  EXPECT_EQ(event_json(row), R"({"seq":7,"type":"grant.changed","at":"2027-01-15T08:00:00Z","user":"u1",)"
                             R"("data":{"change":"removed","id":"g1","resource":"post:42","key":"}"}})");
  // Of a deleted user nothing personal is left.
  row.detail.clear();
  EXPECT_TRUE(event_json(row).ends_with(R"("data":{}})"));
  for (const auto* kind : {"grant_added", "grant_changed", "grant_removed", "grant_expired"}) {
    EXPECT_EQ(event_type(kind), "grant.changed");
  }
}

TEST(AuditEvents, KindsOfEventsAreThoseOfTheLog) {
  EXPECT_EQ(*audit_kinds(std::vector<std::string>{"session.ended"}),
            (std::vector<std::string>{"signout", "operator", "ended"}));
  EXPECT_EQ(audit_kinds({})->size(), std::size(store::kEventNames));
  EXPECT_EQ(audit_kinds(std::vector<std::string>{"session.gone"}).error().code, Errc::field_invalid);
  EXPECT_EQ(event_type("refusal"), "");
}

}  // namespace
}  // namespace gatecast::session
