#include "testing/dev_broker/context.h"

namespace spillway::dev {
namespace {

using Response = wire::DescribeProducersResponse;

void describe(Context& context, const Partition& partition, Response::Partition& out) {
  const auto& states = partition.producers.all();
  const auto producers = context.allocate<Response::Producer>(states.size());
  auto state = states.begin();
  for (auto& producer : producers) {
    producer.producer_id = state->first;
    producer.producer_epoch = state->second.epoch;
    producer.last_sequence = state->second.last_sequence();
    producer.last_timestamp = state->second.last_timestamp;
    producer.coordinator_epoch = -1;
    ++state;
  }
  out.active_producers = producers;
}

void answer_one(Context& context, std::string_view name, std::int32_t index,
                Response::Partition& out) {
  Topic* topic = context.cluster.find_topic(name);
  const Partition* partition = topic == nullptr ? nullptr : topic->partition(index);
  KafkaError error = KafkaError::kNone;
  if (partition == nullptr) {
    error = KafkaError::kUnknownTopicOrPartition;
  } else if (partition->leader != context.node_id) {
    error = KafkaError::kNotLeaderOrFollower;
  }
  out.partition_index = index;
  out.error_code = context.error_or(error);
  if (out.error_code == 0 && partition != nullptr) describe(context, *partition, out);
}

}  // namespace

Reply handle(Context& context, const wire::DescribeProducersRequest& request, Response& response) {
  const auto topics = context.allocate<Response::Topic>(request.topics.size());
  for (std::size_t i = 0; i < topics.size(); ++i) {
    const auto& asked = request.topics[i];
    topics[i].name = asked.name;
    const auto partitions = context.allocate<Response::Partition>(asked.partition_indexes.size());
    for (std::size_t j = 0; j < partitions.size(); ++j) {
      answer_one(context, asked.name, asked.partition_indexes[j], partitions[j]);
    }
    topics[i].partitions = partitions;
  }
  response.topics = topics;
  return Reply::Answer;
}

}  // namespace spillway::dev
