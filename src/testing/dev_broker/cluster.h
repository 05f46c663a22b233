// DevCluster: the state that the nodes of an embedded cluster share: nodes, topics, leaders, logs,
// producers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "testing/dev_broker/login.h"
#include "testing/dev_broker/partition_log.h"
#include "testing/dev_broker/producer_states.h"
#include "testing/dev_broker/transactions.h"
#include "wire/errors.h"
#include "wire/types.h"

namespace spillway::dev {

// Nodes are numbered from 1, so that an id taken for an index is noticed.
inline constexpr std::int32_t kFirstNodeId = 1;
inline constexpr std::int32_t kNoLeader = -1;

struct TopicSpec {
  std::string name;
  std::int32_t partitions = 1;
};

struct ClusterOptions {
  std::int32_t nodes = 1;
  bool auto_create = false;
  std::int32_t auto_create_partitions = 1;
  std::size_t log_bytes_max = std::size_t{256} << 20;  // all partitions together
  std::size_t message_bytes_max = 1'048'588;           // one batch
  SaslSettings sasl = {};                // who may log in; nobody: everybody is welcome
  bool store = true;                     // false: offsets are given out, nothing is checked or kept
  std::int16_t transaction_version = 2;  // the finalized feature: 2 is KIP-890
  std::chrono::milliseconds transaction_end_delay{0};  // from EndTxn to its markers, at least
};

struct Now {
  MonoTime mono;
  std::int64_t wall_ms;
};

struct ClusterNode {
  std::int32_t id = 0;
  std::string host;
  std::uint16_t port = 0;
  std::string rack;  // "rack-1" of node 1, and so on
  bool up = true;
  bool listed = true;  // in Metadata; a node that just went down still is
};

struct AbortedTransaction {
  std::int64_t producer_id;
  std::int64_t first_offset;
  std::int64_t marker_offset;
};

struct Partition {
  std::int32_t index = 0;
  std::int32_t leader = kNoLeader;
  std::int32_t leader_epoch = 0;
  std::vector<std::int32_t> replicas;
  PartitionLog log;
  ProducerStates producers;
  std::map<std::int64_t, std::int64_t> open;  // of open transactions: producer id, first offset
  std::deque<AbortedTransaction> aborted;     // by their ends; those behind the log's start go

  // Up to where read_committed reads: the first record that is not decided.
  [[nodiscard]] std::int64_t last_stable_offset() const noexcept;
};

struct Topic {
  std::string name;
  wire::Uuid id;
  bool compacted = false;             // every record must have a key
  std::vector<Partition> partitions;  // never resized: others hold pointers into it

  [[nodiscard]] Partition* partition(std::int32_t index) noexcept;
};

// A batch that was found whole, as the cluster needs to know it.
struct BatchFacts {
  BatchProducer producer;
  std::int32_t records = 0;
  std::int64_t timestamp_max = 0;
  bool transactional = false;
  bool begins_at_zero = false;  // transactions v2: of a producer that the partition does not know
};

struct AppendResult {
  KafkaError error = KafkaError::kNone;
  std::int64_t base_offset = -1;
};

// Not thread-safe: DevBroker holds one lock around it, a simulation needs none.
class DevCluster {
 public:
  static constexpr std::int32_t kNodesMax = 64;
  static constexpr std::int32_t kReplicasMax = 3;
  static constexpr std::size_t kPartitionsMax = 100'000;  // all topics together
  static constexpr std::size_t kTopicNameMax = 249;

  explicit DevCluster(ClusterOptions options);

  [[nodiscard]] const ClusterOptions& options() const noexcept { return options_; }
  [[nodiscard]] const std::string& id() const noexcept { return id_; }

  [[nodiscard]] std::vector<ClusterNode>& nodes() noexcept { return nodes_; }
  // Aborts on an id that was never a node: only our own code names nodes here.
  [[nodiscard]] ClusterNode& node(std::int32_t id);
  // The lowest node that is up, or -1.
  [[nodiscard]] std::int32_t controller_id() const noexcept;

  // Leads of a stopped node go to its next replica that is up, with a new epoch; without one the
  // partition has no leader. With `elect` false they stay, as while the cluster has not noticed
  // yet.
  void stop_node(std::int32_t id, bool elect);
  // Takes over what has no leader and is replicated here.
  void start_node(std::int32_t id);
  void move_leader(Partition& partition, std::int32_t node);

  KafkaError create_topic(std::string_view name, std::int32_t partitions,
                          std::int32_t replication_factor = kReplicasMax);
  // With its log; a topic of the same name made afterwards is another one. False: there is none.
  bool delete_topic(std::string_view name);
  [[nodiscard]] Topic* find_topic(std::string_view name) noexcept;
  [[nodiscard]] Topic* find_topic(const wire::Uuid& topic_id) noexcept;
  [[nodiscard]] std::map<std::string, Topic, std::less<>>& topics() noexcept { return topics_; }

  // Sequence rules, then the log; the oldest batches of the cluster make room.
  AppendResult append(Partition& partition, const BatchFacts& facts,
                      std::span<const std::byte> batch, std::int64_t wall_ms);
  // Changes with every append: whoever waits for records looks again.
  [[nodiscard]] std::uint64_t append_count() const noexcept { return append_count_; }
  [[nodiscard]] std::size_t log_bytes() const noexcept { return log_bytes_; }

  // Which node answers for what. kNoLeader: none at the moment.
  struct Coordinators {
    std::int32_t transactions = kFirstNodeId;
    std::int32_t groups = kFirstNodeId;
  };
  [[nodiscard]] const Coordinators& coordinators() const noexcept { return coordinators_; }
  void move_coordinators(const Coordinators& to) noexcept { coordinators_ = to; }
  [[nodiscard]] Transactions& transactions() noexcept { return transactions_; }
  // Ends what is due: markers go into the logs, offsets into their groups.
  void tick(Now now);
  // What transactions have committed for a group.
  [[nodiscard]] const GroupOffsets& committed_offsets(const std::string& group) {
    return committed_[group];
  }

  [[nodiscard]] LoginDesk& login_desk() noexcept { return login_desk_; }

  // Never the same id twice; the epoch starts at 0.
  [[nodiscard]] std::int64_t new_producer_id() noexcept { return next_producer_id_++; }

 private:
  void trim();
  [[nodiscard]] std::int32_t first_up(const std::vector<std::int32_t>& replicas);
  void elect(Partition& partition);
  std::int64_t store(Partition& partition, const BatchFacts& facts,
                     std::span<const std::byte> batch);
  bool finish(const Transaction& transaction, std::int64_t wall_ms);
  void write_marker(Partition& partition, const Transaction& transaction, std::int64_t wall_ms);

  ClusterOptions options_;
  LoginDesk login_desk_;
  std::string id_ = "spillway-dev-cluster";
  std::vector<ClusterNode> nodes_;
  std::map<std::string, Topic, std::less<>> topics_;
  std::map<wire::Uuid, Topic*> topics_by_id_;
  std::size_t partition_count_ = 0;
  std::size_t topics_made_ = 0;
  std::deque<Partition*> arrivals_;  // one entry per stored batch, oldest first
  std::size_t log_bytes_ = 0;
  std::uint64_t append_count_ = 0;
  std::int64_t next_producer_id_ = 1000;
  Coordinators coordinators_;
  Transactions transactions_;
  std::map<std::string, GroupOffsets> committed_;  // by group
};

}  // namespace spillway::dev
