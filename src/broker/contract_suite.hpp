// All cases of broker/contract.hpp, and how an implementation runs them. Place: included by one *_test.cpp of each.
#pragma once

#include "broker/contract_cases.hpp"
#include "broker/contract_fault_cases.hpp"
#include "broker/contract_presence_cases.hpp"

namespace gatecast::broker {

inline std::string name_of_kind(const ::testing::TestParamInfo<BrokerKind>& kind) { return kind.param.name; }

}  // namespace gatecast::broker

/// In namespace gatecast::broker: runs every suite on the places that `kind`, a BrokerKind, makes.
#define GATECAST_BROKER_CONTRACT(prefix, kind)                                                  \
  INSTANTIATE_TEST_SUITE_P(prefix, BrokerContract, ::testing::Values(kind), name_of_kind);      \
  INSTANTIATE_TEST_SUITE_P(prefix, BrokerFaultContract, ::testing::Values(kind), name_of_kind); \
  INSTANTIATE_TEST_SUITE_P(prefix, BrokerPresenceContract, ::testing::Values(kind), name_of_kind)
