#include "testing/dev_broker/context.h"

namespace spillway::dev {
namespace {

using Request = wire::TxnOffsetCommitRequest;
using Response = wire::TxnOffsetCommitResponse;

constexpr std::int16_t kAddsGroupFrom = 5;

// No member is known here: any generation goes.
KafkaError add_one(Context& context, const Request& request, std::string_view topic,
                   const Request::Partition& in) {
  if (context.plan.error.has_value()) return *context.plan.error;
  const std::int32_t home = context.cluster.coordinators().groups;
  if (home != context.node_id) return KafkaError::kNotCoordinator;
  return context.cluster.transactions().add_offset(
      {request.transactional_id, request.producer_id, request.producer_epoch},
      context.version >= kAddsGroupFrom, request.group_id, {std::string(topic), in.partition_index},
      in.committed_offset, context.now.mono);
}

}  // namespace

Reply handle(Context& context, const Request& request, Response& response) {
  const auto topics = context.allocate<Response::Topic>(request.topics.size());
  for (std::size_t i = 0; i < topics.size(); ++i) {
    const Request::Topic& asked = request.topics[i];
    topics[i].name = asked.name;
    const auto partitions = context.allocate<Response::Partition>(asked.partitions.size());
    for (std::size_t j = 0; j < partitions.size(); ++j) {
      partitions[j].partition_index = asked.partitions[j].partition_index;
      partitions[j].error_code =
          context.error_or(add_one(context, request, asked.name, asked.partitions[j]));
    }
    topics[i].partitions = partitions;
  }
  response.topics = topics;
  return Reply::Answer;
}

}  // namespace spillway::dev
