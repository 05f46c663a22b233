#include "testing/dev_broker/context.h"

namespace spillway::dev {

// As in Kafka, a producer without a transactional id always gets a new id, whatever id and epoch it
// names: such producers bump their epoch themselves (KIP-360).
Reply handle(Context& context, const wire::InitProducerIdRequest& request,
             wire::InitProducerIdResponse& response) {
  // Transactions are not offered. Clients give up on this code, where COORDINATOR_NOT_AVAILABLE
  // would have them wait for ever.
  const bool transactional = request.transactional_id.has_value();
  response.error_code =
      context.error_or(transactional ? KafkaError::kUnsupportedVersion : KafkaError::kNone);
  if (response.error_code != 0) {
    response.producer_epoch = -1;
    return Reply::Answer;
  }
  response.producer_id = context.cluster.new_producer_id();
  response.producer_epoch = 0;
  return Reply::Answer;
}

}  // namespace spillway::dev
