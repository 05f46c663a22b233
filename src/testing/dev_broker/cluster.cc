#include "testing/dev_broker/cluster.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace spillway::dev {
namespace {

bool is_legal_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > DevCluster::kTopicNameMax) return false;
  if (name == "." || name == "..") return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

// The same name and ordinal give the same id in every run: a simulation replays.
wire::Uuid uuid_of(std::string_view name, std::size_t ordinal) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
  wire::Uuid id;
  wire::store_big_endian(id.bytes.data(), hash);
  wire::store_big_endian(id.bytes.data() + 8, std::uint64_t{ordinal} + 1);
  return id;
}

}  // namespace

Partition* Topic::partition(std::int32_t index) noexcept {
  if (index < 0 || static_cast<std::size_t>(index) >= partitions.size()) return nullptr;
  return &partitions[static_cast<std::size_t>(index)];
}

DevCluster::DevCluster(ClusterOptions options)
    : options_(std::move(options)), login_desk_(options_.sasl) {
  SPILL_CHECK(options_.nodes >= 1 && options_.nodes <= kNodesMax,
              "a dev cluster has 1 to 64 nodes");
  transactions_.set_end_delay(options_.transaction_end_delay);
  for (std::int32_t i = 0; i < options_.nodes; ++i) {
    const std::int32_t id = kFirstNodeId + i;
    nodes_.push_back({id, "127.0.0.1", 0, "rack-" + std::to_string(id), true, true});
  }
}

ClusterNode& DevCluster::node(std::int32_t id) {
  SPILL_CHECK(id >= kFirstNodeId && id < kFirstNodeId + options_.nodes, "nodes are numbered 1..n");
  return nodes_[static_cast<std::size_t>(id - kFirstNodeId)];
}

std::int32_t DevCluster::controller_id() const noexcept {
  for (const ClusterNode& candidate : nodes_) {
    if (candidate.up) return candidate.id;
  }
  return -1;
}

void DevCluster::stop_node(std::int32_t id, bool elect_others) {
  node(id).up = false;
  node(id).listed = !elect_others;
  if (!elect_others) return;
  const auto replace = [this, id](std::int32_t& home) {
    if (home == id) home = controller_id();
  };
  replace(coordinators_.transactions);
  replace(coordinators_.groups);
  for (auto& [name, topic] : topics_) {
    for (Partition& partition : topic.partitions) {
      if (partition.leader == id) elect(partition);
    }
  }
}

void DevCluster::start_node(std::int32_t id) {
  node(id).up = true;
  node(id).listed = true;
  if (coordinators_.transactions == kNoLeader) coordinators_.transactions = id;
  if (coordinators_.groups == kNoLeader) coordinators_.groups = id;
  for (auto& [name, topic] : topics_) {
    for (Partition& partition : topic.partitions) {
      if (partition.leader == kNoLeader) elect(partition);
    }
  }
}

void DevCluster::move_leader(Partition& partition, std::int32_t id) {
  SPILL_CHECK(id == kNoLeader || node(id).id == id, "a leader is a node");
  if (partition.leader == id) return;
  partition.leader = id;
  partition.leader_epoch += 1;
}

void DevCluster::elect(Partition& partition) {
  move_leader(partition, first_up(partition.replicas));
}

std::int32_t DevCluster::first_up(const std::vector<std::int32_t>& replicas) {
  for (const std::int32_t id : replicas) {
    if (node(id).up) return id;
  }
  return kNoLeader;
}

KafkaError DevCluster::create_topic(std::string_view name, std::int32_t partitions,
                                    std::int32_t replication_factor) {
  if (!is_legal_name(name)) return KafkaError::kInvalidTopic;
  if (topics_.contains(name)) return KafkaError::kTopicAlreadyExists;
  if (partitions <= 0) return KafkaError::kInvalidPartitions;
  if (static_cast<std::size_t>(partitions) > kPartitionsMax - partition_count_) {
    return KafkaError::kPolicyViolation;
  }
  const std::int32_t copies = std::clamp(replication_factor, 1, options_.nodes);
  Topic& topic = topics_[std::string(name)];
  topic.name = name;
  topic.id = uuid_of(name, ++topics_made_);
  topic.partitions.resize(static_cast<std::size_t>(partitions));
  for (std::int32_t index = 0; index < partitions; ++index) {
    Partition& partition = *topic.partition(index);
    partition.index = index;
    for (std::int32_t copy = 0; copy < copies; ++copy) {
      partition.replicas.push_back(kFirstNodeId + (index + copy) % options_.nodes);
    }
    partition.leader = first_up(partition.replicas);
  }
  topics_by_id_[topic.id] = &topic;
  partition_count_ += topic.partitions.size();
  return KafkaError::kNone;
}

bool DevCluster::delete_topic(std::string_view name) {
  const auto found = topics_.find(name);
  if (found == topics_.end()) return false;
  for (Partition& partition : found->second.partitions) {
    std::erase(arrivals_, &partition);
    while (!partition.log.batches().empty()) log_bytes_ -= partition.log.drop_oldest();
  }
  partition_count_ -= found->second.partitions.size();
  topics_by_id_.erase(found->second.id);
  topics_.erase(found);
  return true;
}

Topic* DevCluster::find_topic(std::string_view name) noexcept {
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : &found->second;
}

Topic* DevCluster::find_topic(const wire::Uuid& topic_id) noexcept {
  const auto found = topics_by_id_.find(topic_id);
  return found == topics_by_id_.end() ? nullptr : found->second;
}

AppendResult DevCluster::append(Partition& partition, const BatchFacts& facts,
                                std::span<const std::byte> batch, std::int64_t wall_ms) {
  const bool idempotent = facts.producer.id >= 0;
  if (idempotent) {
    const ProducerStates::Verdict verdict = partition.producers.check(facts.producer);
    if (verdict.error != KafkaError::kNone) return {verdict.error, -1};
    if (verdict.duplicate_of.has_value()) return {KafkaError::kNone, *verdict.duplicate_of};
  }
  if (facts.begins_at_zero && facts.producer.base_sequence != 0 &&
      !partition.producers.all().contains(facts.producer.id))
    return {KafkaError::kOutOfOrderSequenceNumber, -1};
  const std::int64_t base_offset = store(partition, facts, batch);
  if (idempotent) partition.producers.note(facts.producer, base_offset, wall_ms);
  if (facts.transactional) partition.open.try_emplace(facts.producer.id, base_offset);
  return {KafkaError::kNone, base_offset};
}

std::int64_t DevCluster::store(Partition& partition, const BatchFacts& facts,
                               std::span<const std::byte> batch) {
  const std::int64_t base_offset =
      partition.log.append(batch, facts.records, facts.timestamp_max, partition.leader_epoch);
  log_bytes_ += partition.log.batches().back().cost();
  arrivals_.push_back(&partition);
  append_count_ += 1;
  trim();
  return base_offset;
}

void DevCluster::trim() {
  while (log_bytes_ > options_.log_bytes_max && !arrivals_.empty()) {
    log_bytes_ -= arrivals_.front()->log.drop_oldest();
    arrivals_.pop_front();
  }
}

}  // namespace spillway::dev
