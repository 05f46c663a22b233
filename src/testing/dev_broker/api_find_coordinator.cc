#include "testing/dev_broker/context.h"

namespace spillway::dev {
namespace {

using Coordinator = wire::FindCoordinatorResponse::Coordinator;

constexpr std::int8_t kKeyIsTransaction = 1;

// One node for all groups, and one for all transactions.
Coordinator find(Context& context, std::int8_t key_type) {
  const DevCluster::Coordinators& homes = context.cluster.coordinators();
  const std::int32_t home = key_type == kKeyIsTransaction ? homes.transactions : homes.groups;
  Coordinator found;
  found.node_id = -1;
  found.port = -1;
  found.error_code = context.error_or(home == kNoLeader ? KafkaError::kCoordinatorNotAvailable
                                                        : KafkaError::kNone);
  if (found.error_code != 0) return found;
  const ClusterNode& node = context.cluster.node(home);
  found.node_id = node.id;
  found.host = node.host;
  found.port = node.port;
  return found;
}

}  // namespace

Reply handle(Context& context, const wire::FindCoordinatorRequest& request,
             wire::FindCoordinatorResponse& response) {
  const Coordinator found = find(context, request.key_type);
  response.error_code = found.error_code;
  response.node_id = found.node_id;
  response.host = found.host;
  response.port = found.port;
  const auto coordinators = context.allocate<Coordinator>(request.coordinator_keys.size());
  for (std::size_t i = 0; i < coordinators.size(); ++i) {
    coordinators[i] = found;
    coordinators[i].key = request.coordinator_keys[i];
  }
  response.coordinators = coordinators;
  return Reply::Answer;
}

}  // namespace spillway::dev
