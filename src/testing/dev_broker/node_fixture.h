// For tests of a node: a cluster without sockets whose time stands still.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "testing/dev_broker/node.h"
#include "testing/dev_broker/test_client.h"

namespace spillway::dev {

inline constexpr std::int64_t kWallMs = 1'700'000'000'000;

// Three nodes without sockets; node 1 leads partition 0 of topic t, node 2 partition 1.
class NodeTest : public ::testing::Test {
 protected:
  NodeTest() { restart({.nodes = 3}); }

  void restart(ClusterOptions options, VersionCaps caps = {}) {
    cluster_ = std::make_unique<DevCluster>(options);
    cluster_->create_topic("t", 2);
    login_ = {};
    node_ = std::make_unique<Node>(kFirstNodeId, *cluster_, faults_, caps);
  }

  [[nodiscard]] Now now() const { return {MonoTime{} + time_, kWallMs}; }

  // A frame as make_frame gives it, with its length.
  Outcome handle_frame(const std::vector<std::byte>& frame) {
    frame_ = frame;
    return node_->handle_request(std::span<const std::byte>(frame_).subspan(4), now(), login_,
                                 parked_);
  }
  Outcome resume() {
    return node_->resume(std::span<const std::byte>(frame_).subspan(4), now(), login_, parked_);
  }

  template <typename Response, typename Request>
  Decoded<Response> call(const Request& request, std::int16_t version) {
    return decode_answer<Response>(handle_frame(make_frame(request, version)).answer, version);
  }

  wire::ProduceResponse::Partition produce(const ProduceCall& one) {
    produced_ = decode_answer<wire::ProduceResponse>(handle_frame(make_produce_frame(one)).answer,
                                                     one.version);
    EXPECT_EQ(produced_.problem, nullptr);
    if (produced_.message.topics.empty()) return {};
    return produced_.message.topics[0].partitions[0];
  }
  KafkaError produce_batch(std::vector<std::byte> batch) {
    return static_cast<KafkaError>(produce({.batch = std::move(batch)}).error_code);
  }
  std::vector<std::byte> fetch_frame(std::int64_t offset, std::int32_t wait_ms,
                                     std::int32_t min_bytes = 1) {
    wire::FetchRequest::Partition partition;
    partition.fetch_offset = offset;
    partition.partition_max_bytes = 1 << 20;
    wire::FetchRequest::Topic topic;
    topic.topic = "t";
    topic.partitions = {&partition, 1};
    wire::FetchRequest request;
    request.max_wait_ms = wait_ms;
    request.min_bytes = min_bytes;
    request.topics = {&topic, 1};
    return make_frame(request, 12);
  }

  Faults faults_{1};
  std::unique_ptr<DevCluster> cluster_;
  std::unique_ptr<Node> node_;
  MonoDuration time_{0};
  Login login_;
  Parked parked_;
  std::vector<std::byte> frame_;
  Decoded<wire::ProduceResponse> produced_;
};

// Two records, no producer id.
inline const std::vector<std::byte> kSound = make_batch({.values = {"a", "b"}});

}  // namespace spillway::dev
