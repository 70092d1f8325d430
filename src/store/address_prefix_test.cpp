#include "store/address_prefix.hpp"

#include <gtest/gtest.h>

namespace gatecast::store {
namespace {

TEST(AddressPrefix, IsTheFirstThreeBytesOfIPv4) {
  EXPECT_TRUE(same_address_prefix("192.0.2.1", "192.0.2.255"));
  EXPECT_FALSE(same_address_prefix("192.0.2.1", "192.0.3.1"));
  EXPECT_FALSE(same_address_prefix("192.0.2.1", "193.0.2.1"));
}

TEST(AddressPrefix, IsTheFirstHalfOfIPv6) {
  EXPECT_TRUE(same_address_prefix("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
  EXPECT_TRUE(same_address_prefix("2001:DB8:1:2::1", "2001:db8:1:2::1"));
  EXPECT_FALSE(same_address_prefix("2001:db8:1:2::1", "2001:db8:1:3::1"));
  EXPECT_FALSE(same_address_prefix("2001:db8:1:2::1", "2002:db8:1:2::1"));
}

TEST(AddressPrefix, TakesMappedAddressesAsIPv4) {
  EXPECT_TRUE(same_address_prefix("::ffff:192.0.2.1", "192.0.2.7"));
  EXPECT_FALSE(same_address_prefix("::ffff:192.0.2.1", "::ffff:192.0.3.1"));
  EXPECT_FALSE(same_address_prefix("::1", "0.0.0.1"));
}

TEST(AddressPrefix, IsNeverThatOfWhatIsNoAddress) {
  EXPECT_FALSE(same_address_prefix("", ""));
  EXPECT_FALSE(same_address_prefix("unix", "unix"));
  EXPECT_FALSE(same_address_prefix("192.0.2.1", "192.0.2"));
  EXPECT_FALSE(same_address_prefix("192.0.2.1 ", "192.0.2.1"));
}

}  // namespace
}  // namespace gatecast::store
