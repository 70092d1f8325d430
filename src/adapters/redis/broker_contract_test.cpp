// The contract of broker::Broker on a real redis-server.
#include "adapters/redis/broker_place.hpp"
#include "broker/contract_suite.hpp"

namespace gatecast::broker {
namespace {

GATECAST_BROKER_CONTRACT(Redis, (BrokerKind{"standalone", &redis::testing::make_redis_place}));
GATECAST_BROKER_CONTRACT(Cluster, (BrokerKind{"cluster", &redis::testing::make_cluster_place}));

}  // namespace
}  // namespace gatecast::broker
