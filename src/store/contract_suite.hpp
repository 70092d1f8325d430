// All cases of store/contract.hpp, and how an adapter runs them. Place: included by one *_test.cpp of each adapter.
#pragma once

#include "store/contract_audit_cases.hpp"
#include "store/contract_cases.hpp"
#include "store/contract_grants_cases.hpp"
#include "store/contract_identities_cases.hpp"
#include "store/contract_nodes_cases.hpp"
#include "store/contract_notifications_cases.hpp"
#include "store/contract_renewal_cases.hpp"
#include "store/contract_users_cases.hpp"

namespace gatecast::store {

inline std::string name_of_kind(const ::testing::TestParamInfo<StoreKind>& kind) { return kind.param.name; }

}  // namespace gatecast::store

/// In namespace gatecast::store: runs every suite on the places that `kind`, a StoreKind, makes.
#define GATECAST_STORE_CONTRACT(prefix, kind)                                                          \
  INSTANTIATE_TEST_SUITE_P(prefix, StoreContract, ::testing::Values(kind), name_of_kind);              \
  INSTANTIATE_TEST_SUITE_P(prefix, StoreUsersContract, ::testing::Values(kind), name_of_kind);         \
  INSTANTIATE_TEST_SUITE_P(prefix, StoreGrantsContract, ::testing::Values(kind), name_of_kind);        \
  INSTANTIATE_TEST_SUITE_P(prefix, StoreNotificationsContract, ::testing::Values(kind), name_of_kind); \
  INSTANTIATE_TEST_SUITE_P(prefix, StoreIdentitiesContract, ::testing::Values(kind), name_of_kind);    \
  INSTANTIATE_TEST_SUITE_P(prefix, StoreNodesContract, ::testing::Values(kind), name_of_kind);         \
  INSTANTIATE_TEST_SUITE_P(prefix, StoreAuditContract, ::testing::Values(kind), name_of_kind)
