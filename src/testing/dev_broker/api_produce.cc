#include <algorithm>

#include "testing/dev_broker/batch_check.h"
#include "testing/dev_broker/context.h"

namespace spillway::dev {
namespace {

using Request = wire::ProduceRequest;
using Response = wire::ProduceResponse;
using PartitionIn = Request::Partition;
using PartitionOut = Response::Partition;

constexpr std::int16_t kTopicIdsFrom = 13;
constexpr std::int16_t kAddsPartitionsFrom = 12;  // transactions v2

bool is_legal_acks(std::int16_t acks) noexcept {
  return acks >= -1 && acks <= 1;
}

// Tells the client who leads (KIP-951). Versions before 10 cannot say it and drop it.
void hint_leader(const Partition& partition, PartitionOut& out) {
  if (partition.leader == kNoLeader) return;
  out.current_leader.leader_id = partition.leader;
  out.current_leader.leader_epoch = partition.leader_epoch;
}

// A batch of a transaction must be one that its coordinator knows to be open.
KafkaError admit(Context& context, const Request& request, const Topic& topic,
                 std::int32_t partition, BatchFacts& facts) {
  if (!facts.transactional) return KafkaError::kNone;
  if (!request.transactional_id.has_value()) return KafkaError::kInvalidTxnState;
  if (context.cluster.coordinators().transactions == kNoLeader)
    return KafkaError::kCoordinatorNotAvailable;
  facts.begins_at_zero =
      context.cluster.options().transaction_version >= 2 && context.version >= kAddsPartitionsFrom;
  return context.cluster.transactions().admit(
      {*request.transactional_id, facts.producer.id, facts.producer.epoch}, {topic.name, partition},
      facts.begins_at_zero, context.now.mono);
}

void append(Context& context, const Request& request, const Topic& topic, Partition& partition,
            const PartitionIn& in, PartitionOut& out) {
  DevCluster& cluster = context.cluster;
  if (!cluster.options().store) {
    out.base_offset = partition.log.skip(claimed_records(in.records.bytes()));
    return;
  }
  BatchVerdict verdict =
      check_batch(in.records.bytes(), cluster.options().message_bytes_max, topic.compacted);
  out.error_code = code_of(verdict.error);
  if (verdict.why != nullptr) out.error_message = verdict.why;
  if (!verdict.bad.empty()) {
    const auto errors = context.allocate<Response::RecordError>(verdict.bad.size());
    for (std::size_t i = 0; i < errors.size(); ++i) errors[i].batch_index = verdict.bad[i];
    out.record_errors = errors;
  }
  if (verdict.error != KafkaError::kNone) return;
  const KafkaError refused = admit(context, request, topic, in.index, verdict.facts);
  out.error_code = code_of(refused);
  if (refused != KafkaError::kNone) return;
  const AppendResult result =
      cluster.append(partition, verdict.facts, in.records.bytes(), context.now.wall_ms);
  out.error_code = code_of(result.error);
  out.base_offset = result.base_offset;
}

void fail(PartitionOut& out, KafkaError error) {
  out.error_code = code_of(error);
  out.base_offset = -1;
}

void produce_one(Context& context, const Request& request, Topic& topic, const PartitionIn& in,
                 PartitionOut& out) {
  const FaultPlan faults = context.partition_plan(topic.name, in.index);
  if (faults.close_before || faults.swallow) return;
  if (faults.error.has_value()) return fail(out, *faults.error);
  Partition* partition = topic.partition(in.index);
  if (partition == nullptr) return fail(out, KafkaError::kUnknownTopicOrPartition);
  if (partition->leader != context.node_id) {
    fail(out, KafkaError::kNotLeaderOrFollower);
    return hint_leader(*partition, out);
  }
  append(context, request, topic, *partition, in, out);
  out.log_start_offset = partition->log.start_offset();
  if (faults.error_after_append.has_value()) fail(out, *faults.error_after_append);
}

void produce_topic(Context& context, const Request& request, const Request::Topic& in,
                   Response::Topic& out) {
  const bool by_id = context.version >= kTopicIdsFrom;
  Topic* topic =
      by_id ? context.cluster.find_topic(in.topic_id) : context.cluster.find_topic(in.name);
  out.name = in.name;
  out.topic_id = in.topic_id;
  const auto partitions = context.allocate<PartitionOut>(in.partitions.size());
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    partitions[i].index = in.partitions[i].index;
    partitions[i].base_offset = -1;
    if (!is_legal_acks(request.acks)) {
      fail(partitions[i], KafkaError::kInvalidRequiredAcks);
    } else if (topic == nullptr) {
      fail(partitions[i],
           by_id ? KafkaError::kUnknownTopicId : KafkaError::kUnknownTopicOrPartition);
    } else {
      produce_one(context, request, *topic, in.partitions[i], partitions[i]);
    }
  }
  out.partitions = partitions;
}

bool has_error(const Response& response) {
  for (const Response::Topic& topic : response.topics) {
    for (const PartitionOut& partition : topic.partitions) {
      if (partition.error_code != 0) return true;
    }
  }
  return false;
}

bool names_leader(const Response& response, std::int32_t node) {
  for (const Response::Topic& topic : response.topics) {
    for (const PartitionOut& partition : topic.partitions) {
      if (partition.current_leader.leader_id == node) return true;
    }
  }
  return false;
}

// The addresses that go with the leaders hinted at.
void add_endpoints(Context& context, Response& response) {
  if (!has_error(response)) return;
  const auto endpoints = context.allocate<Response::NodeEndpoint>(context.cluster.nodes().size());
  std::size_t count = 0;
  for (const ClusterNode& node : context.cluster.nodes()) {
    if (count == endpoints.size() || !names_leader(response, node.id)) continue;
    endpoints[count].node_id = node.id;
    endpoints[count].host = node.host;
    endpoints[count].port = node.port;
    count += 1;
  }
  response.node_endpoints = endpoints.first(count);
}

}  // namespace

Reply handle(Context& context, const Request& request, Response& response) {
  const auto topics = context.allocate<Response::Topic>(request.topics.size());
  for (std::size_t i = 0; i < topics.size(); ++i) {
    produce_topic(context, request, request.topics[i], topics[i]);
  }
  response.topics = topics;
  add_endpoints(context, response);
  if (request.acks != 0) return Reply::Answer;
  // Without an answer the only way to say "no" is to hang up, as Kafka does.
  return has_error(response) ? Reply::Close : Reply::NoAnswer;
}

}  // namespace spillway::dev
