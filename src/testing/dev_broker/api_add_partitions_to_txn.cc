#include <algorithm>

#include "testing/dev_broker/context.h"

namespace spillway::dev {
namespace {

using Request = wire::AddPartitionsToTxnRequest;
using Response = wire::AddPartitionsToTxnResponse;

bool exists(Context& context, std::string_view topic, std::int32_t index) {
  Topic* const found = context.cluster.find_topic(topic);
  return found != nullptr && found->partition(index) != nullptr;
}

// All or none: with one unknown partition the others are not attempted.
KafkaError refusal(Context& context, const Request& request) {
  if (const auto error = context.coordinator_error(); error != KafkaError::kNone) return error;
  for (const Request::Topic& topic : request.topics) {
    for (const std::int32_t index : topic.partitions) {
      if (!exists(context, topic.name, index)) return KafkaError::kOperationNotAttempted;
    }
  }
  return KafkaError::kNone;
}

KafkaError add_one(Context& context, const Request& request, std::string_view topic,
                   std::int32_t index, KafkaError refused) {
  if (refused == KafkaError::kOperationNotAttempted && !exists(context, topic, index))
    return KafkaError::kUnknownTopicOrPartition;
  if (refused != KafkaError::kNone) return refused;
  return context.cluster.transactions().add_partition(
      {request.transactional_id, request.producer_id, request.producer_epoch},
      {std::string(topic), index}, context.now.mono);
}

}  // namespace

Reply handle(Context& context, const Request& request, Response& response) {
  const KafkaError refused = refusal(context, request);
  const auto topics = context.allocate<Response::Topic>(request.topics.size());
  for (std::size_t i = 0; i < topics.size(); ++i) {
    const Request::Topic& asked = request.topics[i];
    topics[i].name = asked.name;
    const auto partitions = context.allocate<Response::Partition>(asked.partitions.size());
    for (std::size_t j = 0; j < partitions.size(); ++j) {
      partitions[j].index = asked.partitions[j];
      partitions[j].error_code =
          context.error_or(add_one(context, request, asked.name, asked.partitions[j], refused));
    }
    topics[i].partitions = partitions;
  }
  response.topics = topics;
  return Reply::Answer;
}

}  // namespace spillway::dev
