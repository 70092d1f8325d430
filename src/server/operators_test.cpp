#include "server/operators.hpp"

#include <gtest/gtest.h>

namespace gatecast::server {
namespace {

const Operator kViewer{.name = "eve", .role = "view"};
const Operator kActor{.name = "ann", .role = "act"};

ApiEntry entry(std::string_view name, std::string_view scope, bool writes) { return {name, scope, nullptr, writes}; }

Errc refusal(const Operator& person, const ApiEntry& method) {
  auto may = operator_may(person, method);
  return may ? Errc{} : may.error().code;
}

TEST(Operators, WhatHasNoEffectIsOpenToBothRoles) {
  for (const Operator* person : {&kViewer, &kActor}) {
    EXPECT_TRUE(operator_may(*person, entry("connections", "connections", false)));
    EXPECT_TRUE(operator_may(*person, entry("audit", "audit", false)));
    EXPECT_TRUE(operator_may(*person, entry("token_doctor", "doctor", false)));
  }
}

TEST(Operators, OnlyTheRoleActEndsAnything) {
  for (const std::string_view name :
       {"disconnect", "session_end", "user_block", "user_unblock", "grant_add", "grant_remove"}) {
    EXPECT_TRUE(operator_may(kActor, entry(name, "any", true))) << name;
    EXPECT_EQ(refusal(kViewer, entry(name, "any", true)), Errc::operator_role) << name;
  }
}

TEST(Operators, NobodyMakesTokensOrAccountsOrTouchesFiles) {
  for (const Operator* person : {&kViewer, &kActor}) {
    EXPECT_EQ(refusal(*person, entry("token_mint", "mint", true)), Errc::operator_method);
    EXPECT_EQ(refusal(*person, entry("subscription_token", "mint", false)), Errc::operator_method);
    EXPECT_EQ(refusal(*person, entry("user_upsert", "users", true)), Errc::operator_method);
    EXPECT_EQ(refusal(*person, entry("user_delete", "users", true)), Errc::operator_method);
    EXPECT_EQ(refusal(*person, entry("publish", "publish", true)), Errc::operator_method);
    EXPECT_EQ(refusal(*person, entry("backup", kOperatorScope, true)), Errc::operator_method);
    EXPECT_EQ(refusal(*person, entry("reload", kOperatorScope, false)), Errc::operator_method);
  }
}

TEST(Operators, AMethodNobodyThoughtOfIsClosed) {
  EXPECT_EQ(refusal(kActor, entry("burn", "users", true)), Errc::operator_method);
}

}  // namespace
}  // namespace gatecast::server
