#include "testing/dev_broker/context.h"

namespace spillway::dev {

Reply handle(Context& context, const wire::AddOffsetsToTxnRequest& request,
             wire::AddOffsetsToTxnResponse& response) {
  KafkaError error = context.coordinator_error();
  if (error == KafkaError::kNone) {
    error = context.cluster.transactions().add_group(
        {request.transactional_id, request.producer_id, request.producer_epoch}, request.group_id,
        context.now.mono);
  }
  response.error_code = context.error_or(error);
  return Reply::Answer;
}

}  // namespace spillway::dev
