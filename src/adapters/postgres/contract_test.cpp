// The PostgreSQL store under the contract of store::Store.
#include "adapters/postgres/test_postgres.hpp"
#include "store/contract_suite.hpp"

namespace gatecast::store {
namespace {

std::unique_ptr<StorePlace> postgres_place() { return std::make_unique<postgres::PostgresPlace>(); }
constexpr StoreKind kPostgres{"postgres", &postgres_place};

}  // namespace

GATECAST_STORE_CONTRACT(Postgres, kPostgres);

}  // namespace gatecast::store
