#include "testing/dev_broker/context.h"

namespace spillway::dev {
namespace {

using Identity = Transactions::Identity;

Identity init(Context& context, const wire::InitProducerIdRequest& request) {
  DevCluster& cluster = context.cluster;
  // As in Kafka, a producer without a transactional id always gets a new id, whatever id and epoch
  // it names: such producers bump their epoch themselves (KIP-360).
  if (!request.transactional_id.has_value()) {
    if (context.plan.error.has_value()) return {*context.plan.error};
    return {KafkaError::kNone, cluster.new_producer_id(), 0};
  }
  if (const auto error = context.coordinator_error(); error != KafkaError::kNone) return {error};
  const Identity identity = cluster.transactions().init(
      {*request.transactional_id, request.producer_id, request.producer_epoch},
      std::chrono::milliseconds(request.transaction_timeout_ms), cluster.new_producer_id(),
      context.now.mono);
  cluster.tick(context.now);
  return identity;
}

}  // namespace

Reply handle(Context& context, const wire::InitProducerIdRequest& request,
             wire::InitProducerIdResponse& response) {
  const Identity identity = init(context, request);
  response.error_code = context.error_or(identity.error);
  response.producer_epoch = -1;
  if (response.error_code != 0) return Reply::Answer;
  response.producer_id = identity.producer_id;
  response.producer_epoch = identity.epoch;
  return Reply::Answer;
}

}  // namespace spillway::dev
