#include <algorithm>

#include "testing/dev_broker/context.h"

namespace spillway::dev {
namespace {

using Request = wire::MetadataRequest;
using Response = wire::MetadataResponse;

std::span<const Response::Broker> list_brokers(Context& context) {
  const auto brokers = context.allocate<Response::Broker>(context.cluster.nodes().size());
  if (brokers.empty()) return {};
  std::size_t count = 0;
  for (const ClusterNode& node : context.cluster.nodes()) {
    if (!node.listed) continue;
    brokers[count].node_id = node.id;
    brokers[count].host = node.host;
    brokers[count].port = node.port;
    brokers[count].rack = node.rack;
    count += 1;
  }
  return brokers.first(count);
}

// The replicas that are up, or those that are down.
std::span<const std::int32_t> replicas_by_state(Context& context, const Partition& partition,
                                                bool up) {
  const auto ids = context.allocate<std::int32_t>(partition.replicas.size());
  std::size_t count = 0;
  for (const std::int32_t id : partition.replicas) {
    if (count < ids.size() && context.cluster.node(id).up == up) ids[count++] = id;
  }
  return ids.first(count);
}

void describe(Context& context, const Topic& topic, Response::Topic& out) {
  out.name = topic.name;
  out.topic_id = topic.id;
  const auto partitions = context.allocate<Response::Partition>(topic.partitions.size());
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const Partition& partition = topic.partitions[i];
    partitions[i].error_code = code_of(
        partition.leader == kNoLeader ? KafkaError::kLeaderNotAvailable : KafkaError::kNone);
    partitions[i].partition_index = partition.index;
    partitions[i].leader_id = partition.leader;
    partitions[i].leader_epoch = partition.leader_epoch;
    partitions[i].replica_nodes = partition.replicas;
    partitions[i].isr_nodes = replicas_by_state(context, partition, true);
    partitions[i].offline_replicas = replicas_by_state(context, partition, false);
  }
  out.partitions = partitions;
}

KafkaError find_or_create(Context& context, const Request& request, std::string_view name,
                          Topic*& topic) {
  topic = context.cluster.find_topic(name);
  if (topic != nullptr) return KafkaError::kNone;
  const ClusterOptions& options = context.cluster.options();
  if (!options.auto_create || !request.allow_auto_topic_creation) {
    return KafkaError::kUnknownTopicOrPartition;
  }
  const KafkaError error = context.cluster.create_topic(name, options.auto_create_partitions);
  topic = context.cluster.find_topic(name);
  return error;
}

void answer_one(Context& context, const Request& request, const Request::Topic& asked,
                Response::Topic& out) {
  Topic* topic = nullptr;
  KafkaError error = KafkaError::kNone;
  if (asked.name.has_value()) {
    error = find_or_create(context, request, *asked.name, topic);
    out.name = *asked.name;
  } else {
    topic = context.cluster.find_topic(asked.topic_id);
    if (topic == nullptr) error = KafkaError::kUnknownTopicId;
    out.topic_id = asked.topic_id;
  }
  out.error_code = context.error_or(error);
  if (topic != nullptr && out.error_code == 0) describe(context, *topic, out);
}

std::span<const Response::Topic> answer_all(Context& context) {
  const auto topics = context.allocate<Response::Topic>(context.cluster.topics().size());
  auto topic = context.cluster.topics().begin();
  for (Response::Topic& out : topics) describe(context, (topic++)->second, out);
  return topics;
}

}  // namespace

Reply handle(Context& context, const Request& request, Response& response) {
  if (context.plan.error == KafkaError::kRebootstrapRequired) {
    response.error_code = code_of(*context.plan.error);
    return Reply::Answer;
  }
  response.brokers = list_brokers(context);
  response.cluster_id = context.cluster.id();
  response.controller_id = context.cluster.controller_id();
  const bool all = !request.topics.has_value() || (context.version == 0 && request.topics->empty());
  if (all) {
    response.topics = answer_all(context);
    return Reply::Answer;
  }
  const auto topics = context.allocate<Response::Topic>(request.topics->size());
  for (std::size_t i = 0; i < topics.size(); ++i) {
    answer_one(context, request, (*request.topics)[i], topics[i]);
  }
  response.topics = topics;
  return Reply::Answer;
}

}  // namespace spillway::dev
