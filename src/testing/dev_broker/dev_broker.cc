#include "testing/dev_broker/dev_broker.h"

#include "testing/dev_broker/batch_check.h"

#include "base/check.h"
#include "wire/batch_reader.h"

namespace spillway::dev {
namespace {

ClusterOptions cluster_options(const DevBrokerOptions& options) {
  return {.nodes = options.nodes,
          .auto_create = options.auto_create,
          .auto_create_partitions = options.auto_create_partitions,
          .log_bytes_max = options.log_bytes_max,
          .message_bytes_max = options.message_bytes_max,
          .sasl = options.sasl,
          .store = !options.null,
          .transaction_version = options.transaction_version};
}

std::optional<std::string> text_of(const std::optional<std::span<const std::byte>>& bytes) {
  if (!bytes.has_value()) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

DevRecord decode(const wire::BatchHeader& batch, const wire::RecordView& view) {
  DevRecord record;
  record.offset = batch.base_offset + view.offset_delta;
  record.timestamp_ms = batch.base_timestamp_ms + view.timestamp_delta;
  record.key = text_of(view.key);
  record.value = text_of(view.value);
  record.producer_id = batch.producer_id;
  record.producer_epoch = batch.producer_epoch;
  if (batch.producer_id >= 0) {
    record.sequence = sequence_add(batch.base_sequence, view.offset_delta);
  }
  wire::HeaderCursor cursor(view);
  wire::HeaderView header;
  while (cursor.next(header)) {
    record.headers.push_back({std::string(header.name), text_of(header.value)});
  }
  return record;
}

void decode_batch(const StoredBatch& stored, std::vector<DevRecord>& out) {
  wire::BatchView batch;
  const wire::DecodeError broken = wire::read_batch(stored.bytes, batch);
  SPILL_CHECK(broken.what == nullptr, "only sound batches are in the log");
  std::vector<std::byte> memory;
  SPILL_CHECK(unpack(batch, memory).what == nullptr, "what is stored was unpacked before");
  if ((batch.header.attributes & wire::kControl) != 0) return;
  wire::RecordCursor cursor = batch.cursor();
  wire::RecordView view;
  while (cursor.next(view)) out.push_back(decode(batch.header, view));
}

}  // namespace

DevBroker::DevBroker(const DevBrokerOptions& options)
    : cluster_(cluster_options(options)),
      faults_(options.seed),
      server_(cluster_, faults_, options.version_caps,
              {options.host, options.port, options.frame_bytes_max, options.tls}) {
  for (const TopicSpec& topic : options.topics) {
    if (cluster_.create_topic(topic.name, topic.partitions) != KafkaError::kNone) {
      error_ = "cannot make topic " + topic.name + ": its name or partition count is not allowed";
      return;
    }
  }
  error_ = server_.start();
}

std::string DevBroker::bootstrap() {
  SPILL_CHECK(error_.empty(), "the dev broker runs");
  const auto guard = server_.lock();
  std::string list;
  for (const ClusterNode& node : cluster_.nodes()) {
    if (!list.empty()) list += ',';
    list += node.host + ":" + std::to_string(node.port);
  }
  return list;
}

std::uint16_t DevBroker::port(std::int32_t node) {
  const auto guard = server_.lock();
  return cluster_.node(node).port;
}

void DevBroker::stop_node(std::int32_t node, bool elect) {
  const auto guard = server_.lock();
  cluster_.stop_node(node, elect);
  server_.close_node(node);
  server_.nudge();
}

void DevBroker::start_node(std::int32_t node) {
  const auto guard = server_.lock();
  cluster_.start_node(node);
  server_.open_node(node);
  server_.nudge();
}

void DevBroker::move_leader(std::string_view topic, std::int32_t partition, std::int32_t node) {
  const auto guard = server_.lock();
  cluster_.move_leader(find(topic, partition), node);
  server_.nudge();
}

std::int32_t DevBroker::leader(std::string_view topic, std::int32_t partition) {
  const auto guard = server_.lock();
  return find(topic, partition).leader;
}

void DevBroker::create_topic(std::string_view topic, std::int32_t partitions) {
  const auto guard = server_.lock();
  const KafkaError error = cluster_.create_topic(topic, partitions);
  SPILL_CHECK(error == KafkaError::kNone, "a test names a new topic and a sane partition count");
}

void DevBroker::forget_producer(std::string_view topic, std::int32_t partition,
                                std::int64_t producer_id) {
  const auto guard = server_.lock();
  find(topic, partition).producers.forget(producer_id);
}

std::vector<DevRecord> DevBroker::records(std::string_view topic, std::int32_t partition) {
  const auto guard = server_.lock();
  std::vector<DevRecord> out;
  for (const StoredBatch& batch : find(topic, partition).log.batches()) decode_batch(batch, out);
  return out;
}

std::int64_t DevBroker::start_offset(std::string_view topic, std::int32_t partition) {
  const auto guard = server_.lock();
  return find(topic, partition).log.start_offset();
}

std::int64_t DevBroker::end_offset(std::string_view topic, std::int32_t partition) {
  const auto guard = server_.lock();
  return find(topic, partition).log.end_offset();
}

void DevBroker::move_coordinators(std::int32_t transactions, std::int32_t groups) {
  const auto guard = server_.lock();
  cluster_.move_coordinators({transactions, groups});
}

std::optional<std::int64_t> DevBroker::committed_offset(const std::string& group,
                                                        const std::string& topic,
                                                        std::int32_t partition) {
  const auto guard = server_.lock();
  const GroupOffsets& offsets = cluster_.committed_offsets(group);
  const auto found = offsets.find({topic, partition});
  return found == offsets.end() ? std::nullopt : std::optional(found->second);
}

Partition& DevBroker::find(std::string_view topic, std::int32_t partition) {
  Topic* found = cluster_.find_topic(topic);
  SPILL_CHECK(found != nullptr, "a test names a topic that exists");
  Partition* one = found->partition(partition);
  SPILL_CHECK(one != nullptr, "a test names a partition that exists");
  return *one;
}

}  // namespace spillway::dev
