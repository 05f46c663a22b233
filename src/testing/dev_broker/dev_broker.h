// DevBroker: a small Kafka in this process, for tests, the demo and benchmarks. Start here.
//
//   DevBroker broker({.nodes = 3, .topics = {{"t", 4}}});
//   … a client produces to broker.bootstrap() …
//   broker.faults().add({.kind = FaultKind::CloseAfter, .api = ApiKey::kProduce});
//   broker.stop_node(2);
//   for (const DevRecord& record : broker.records("t", 0)) …
//
// It checks batches, sequences and epochs as Kafka does, keeps a bounded log in memory, and breaks
// on request. It has no groups, no permissions, no replication: the replicas of a partition share
// one log, so a move of leadership never loses records. Transactions end when somebody asks
// something.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "testing/dev_broker/cluster.h"
#include "testing/dev_broker/faults.h"
#include "testing/dev_broker/server.h"

namespace spillway::dev {

struct DevBrokerOptions {
  std::int32_t nodes = 1;
  std::vector<TopicSpec> topics = {};
  bool auto_create = false;  // Metadata for an unknown topic makes it
  std::int32_t auto_create_partitions = 1;
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // of node 1, the others follow; 0: each gets a free one
  std::size_t log_bytes_max = std::size_t{256}
                              << 20;          // all partitions together; the oldest batches go
  std::size_t message_bytes_max = 1'048'588;  // one batch, as Kafka's message.max.bytes
  std::size_t frame_bytes_max = std::size_t{16} << 20;
  DevTls tls = {};    // every listener speaks TLS when it has a certificate
  bool null = false;  // acknowledge Produce without checking or keeping anything
  VersionCaps version_caps = {};
  std::uint64_t seed = 1;  // of the faults
  // Who may log in; nobody: everybody is welcome.
  SaslSettings sasl = {};
  std::int16_t transaction_version = 2;  // the finalized feature: 2 is KIP-890, 0 and 1 before it
};

struct DevHeader {
  std::string name;
  std::optional<std::string> value;
  bool operator==(const DevHeader&) const = default;
};

// One record as it lies in the log.
struct DevRecord {
  std::int64_t offset = 0;
  std::int64_t timestamp_ms = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<DevHeader> headers;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  std::int32_t sequence = -1;
};

// Thread-safe; calls wait for the request being handled. Nodes are numbered 1..nodes.
class DevBroker {
 public:
  // Listens on return, or error() says why not.
  explicit DevBroker(const DevBrokerOptions& options);
  ~DevBroker() = default;  // closes every connection, joins the thread

  // A sentence, or empty when the broker runs.
  [[nodiscard]] const std::string& error() const noexcept { return error_; }
  // "127.0.0.1:40001,127.0.0.1:40002": every node, up or down. Aborts when the broker does not run.
  [[nodiscard]] std::string bootstrap();
  [[nodiscard]] std::uint16_t port(std::int32_t node);

  [[nodiscard]] Faults& faults() noexcept { return faults_; }

  // Closes the node's port and connections; its port stays reserved. With `elect`, its partitions
  // go to other replicas.
  void stop_node(std::int32_t node, bool elect = true);
  void start_node(std::int32_t node);
  void move_leader(std::string_view topic, std::int32_t partition, std::int32_t node);
  [[nodiscard]] std::int32_t leader(std::string_view topic, std::int32_t partition);
  void create_topic(std::string_view topic, std::int32_t partitions);
  // As if the id had expired on this partition.
  void forget_producer(std::string_view topic, std::int32_t partition, std::int64_t producer_id);

  // Which nodes answer for transactions and for groups; -1: none does.
  void move_coordinators(std::int32_t transactions, std::int32_t groups);
  // What transactions have committed for a group.
  [[nodiscard]] std::optional<std::int64_t> committed_offset(const std::string& group,
                                                             const std::string& topic,
                                                             std::int32_t partition);

  // What is still in the log, of aborted and open transactions too, decoded, oldest first. Aborts
  // on a compressed batch: no codec is linked here.
  [[nodiscard]] std::vector<DevRecord> records(std::string_view topic, std::int32_t partition);
  [[nodiscard]] std::int64_t start_offset(std::string_view topic, std::int32_t partition);
  [[nodiscard]] std::int64_t end_offset(std::string_view topic, std::int32_t partition);

 private:
  [[nodiscard]] Partition& find(std::string_view topic, std::int32_t partition);

  DevCluster cluster_;
  Faults faults_;
  Server server_;
  std::string error_;
};

}  // namespace spillway::dev

namespace spillway {
using dev::DevBroker;
using dev::DevBrokerOptions;
}  // namespace spillway
