#include "testing/dev_broker/context.h"

namespace spillway::dev {
namespace {

using Request = wire::CreateTopicsRequest;
using Response = wire::CreateTopicsResponse;

constexpr std::int32_t kPartitionsDefault = 1;  // for num_partitions -1

KafkaError create(Context& context, const Request& request, const Request::Topic& wanted) {
  if (context.plan.error.has_value()) return *context.plan.error;
  if (!wanted.assignments.empty()) return KafkaError::kInvalidRequest;  // the cluster assigns
  if (wanted.replication_factor > context.cluster.options().nodes) {
    return KafkaError::kInvalidReplicationFactor;
  }
  const std::int32_t partitions =
      wanted.num_partitions == -1 ? kPartitionsDefault : wanted.num_partitions;
  if (request.validate_only) {
    const bool known = context.cluster.find_topic(wanted.name) != nullptr;
    return known ? KafkaError::kTopicAlreadyExists : KafkaError::kNone;
  }
  const std::int32_t copies =
      wanted.replication_factor > 0 ? wanted.replication_factor : DevCluster::kReplicasMax;
  return context.cluster.create_topic(wanted.name, partitions, copies);
}

}  // namespace

Reply handle(Context& context, const Request& request, Response& response) {
  const auto topics = context.allocate<Response::Topic>(request.topics.size());
  for (std::size_t i = 0; i < topics.size(); ++i) {
    const Request::Topic& wanted = request.topics[i];
    topics[i].name = wanted.name;
    topics[i].error_code = code_of(create(context, request, wanted));
    const Topic* topic = context.cluster.find_topic(wanted.name);
    if (topics[i].error_code != 0 || topic == nullptr) continue;
    topics[i].topic_id = topic->id;
    topics[i].num_partitions = static_cast<std::int32_t>(topic->partitions.size());
    topics[i].replication_factor =
        static_cast<std::int16_t>(topic->partitions.front().replicas.size());
  }
  response.topics = topics;
  return Reply::Answer;
}

}  // namespace spillway::dev
