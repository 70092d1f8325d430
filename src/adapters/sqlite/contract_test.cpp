// The SQLite store under the contract of store::Store.
#include "adapters/sqlite/sqlite_place.hpp"
#include "store/contract_suite.hpp"

namespace gatecast::store {
namespace {

std::unique_ptr<StorePlace> sqlite_place() { return std::make_unique<sqlite::SqlitePlace>(); }
constexpr StoreKind kSqlite{"sqlite", &sqlite_place};

}  // namespace

GATECAST_STORE_CONTRACT(Sqlite, kSqlite);

}  // namespace gatecast::store
