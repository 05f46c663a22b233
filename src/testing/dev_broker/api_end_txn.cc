#include "testing/dev_broker/context.h"

namespace spillway::dev {
namespace {

constexpr std::int16_t kBumpsFrom = 5;

}  // namespace

Reply handle(Context& context, const wire::EndTxnRequest& request, wire::EndTxnResponse& response) {
  Transactions::Identity identity{context.coordinator_error()};
  if (identity.error == KafkaError::kNone) {
    identity = context.cluster.transactions().end(
        {request.transactional_id, request.producer_id, request.producer_epoch}, request.committed,
        context.version >= kBumpsFrom, context.now.mono);
    context.cluster.tick(context.now);
  }
  response.error_code = context.error_or(identity.error);
  if (response.error_code != 0) return Reply::Answer;
  response.producer_id = identity.producer_id;
  response.producer_epoch = identity.epoch;
  return Reply::Answer;
}

}  // namespace spillway::dev
