#include "testing/dev_broker/context.h"

namespace spillway::dev {

// There are neither groups nor transactions, hence no coordinator; the answer says so in the form
// of each version.
Reply handle(Context& context, const wire::FindCoordinatorRequest& request,
             wire::FindCoordinatorResponse& response) {
  response.error_code = context.error_or(KafkaError::kCoordinatorNotAvailable);
  response.node_id = -1;
  response.port = -1;
  const auto coordinators =
      context.allocate<wire::FindCoordinatorResponse::Coordinator>(request.coordinator_keys.size());
  for (std::size_t i = 0; i < coordinators.size(); ++i) {
    coordinators[i].key = request.coordinator_keys[i];
    coordinators[i].node_id = -1;
    coordinators[i].port = -1;
    coordinators[i].error_code = response.error_code;
  }
  response.coordinators = coordinators;
  return Reply::Answer;
}

}  // namespace spillway::dev
