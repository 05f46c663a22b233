#include "testing/dev_broker/context.h"
#include "wire/batch_reader.h"

namespace spillway::dev {
namespace {

using Request = wire::ListOffsetsRequest;
using Response = wire::ListOffsetsResponse;
using PartitionIn = Request::Partition;
using PartitionOut = Response::Partition;

constexpr std::int8_t kReadCommitted = 1;
constexpr std::int64_t kLatest = -1;
constexpr std::int64_t kEarliest = -2;
constexpr std::int64_t kEarliestLocal = -4;

// The first record of the batch at or after `timestamp`. A compressed batch answers with its first
// record.
void find_record(const StoredBatch& stored, std::int64_t timestamp, PartitionOut& out) {
  out.offset = stored.base_offset;
  out.timestamp = stored.timestamp_max;
  wire::BatchView batch;
  if (wire::read_batch(stored.bytes, batch).what != nullptr || batch.is_compressed()) return;
  wire::RecordCursor cursor = batch.cursor();
  wire::RecordView record;
  while (cursor.next(record)) {
    const std::int64_t at = batch.header.base_timestamp_ms + record.timestamp_delta;
    if (at < timestamp) continue;
    out.offset = stored.base_offset + record.offset_delta;
    out.timestamp = at;
    return;
  }
}

void look_up(const Partition& partition, bool committed, std::int64_t timestamp,
             PartitionOut& out) {
  out.leader_epoch = partition.leader_epoch;
  if (timestamp == kLatest) {
    out.offset = committed ? partition.last_stable_offset() : partition.log.end_offset();
  } else if (timestamp == kEarliest || timestamp == kEarliestLocal) {
    out.offset = partition.log.start_offset();
  } else if (timestamp >= 0) {
    const StoredBatch* batch = partition.log.find_by_time(timestamp);
    if (batch != nullptr) find_record(*batch, timestamp, out);
  } else {
    out.error_code = code_of(KafkaError::kInvalidRequest);
  }
}

void list_one(Context& context, bool committed, std::string_view name, const PartitionIn& in,
              PartitionOut& out) {
  const FaultPlan faults = context.partition_plan(name, in.partition_index);
  Topic* topic = context.cluster.find_topic(name);
  Partition* partition = topic == nullptr ? nullptr : topic->partition(in.partition_index);
  out.partition_index = in.partition_index;
  if (faults.error.has_value()) {
    out.error_code = code_of(*faults.error);
  } else if (partition == nullptr) {
    out.error_code = code_of(KafkaError::kUnknownTopicOrPartition);
  } else if (partition->leader != context.node_id) {
    out.error_code = code_of(KafkaError::kNotLeaderOrFollower);
  } else {
    look_up(*partition, committed, in.timestamp, out);
  }
}

}  // namespace

Reply handle(Context& context, const Request& request, Response& response) {
  const auto topics = context.allocate<Response::Topic>(request.topics.size());
  for (std::size_t i = 0; i < topics.size(); ++i) {
    const Request::Topic& asked = request.topics[i];
    topics[i].name = asked.name;
    const auto partitions = context.allocate<PartitionOut>(asked.partitions.size());
    for (std::size_t j = 0; j < partitions.size(); ++j) {
      list_one(context, request.isolation_level == kReadCommitted, asked.name, asked.partitions[j],
               partitions[j]);
    }
    topics[i].partitions = partitions;
  }
  response.topics = topics;
  return Reply::Answer;
}

}  // namespace spillway::dev
