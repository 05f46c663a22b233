// Frames that no client would send: the node answers or hangs up, and reads no byte beyond the
// frame.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>

#include "testing/dev_broker/node.h"
#include "testing/dev_broker/test_client.h"

namespace spillway::dev {
namespace {

using Frame = std::vector<std::byte>;

constexpr int kRounds = 60'000;

// A fixed seed keeps the run the same; SPILLWAY_SEED explores.
std::uint64_t seed() {
  const char* text = std::getenv("SPILLWAY_SEED");
  const std::uint64_t value = text == nullptr ? 20'240'601 : std::strtoull(text, nullptr, 10);
  std::cout << "seed " << value << "\n";
  return value;
}

// A sound request of every API the broker serves, in its first and last version.
template <typename Request>
void add_frames(std::vector<Frame>& out, const Request& request) {
  for (std::int16_t version : {Request::kVersionMin, Request::kVersionMax}) {
    const Frame frame = make_frame(request, version);
    if (!frame.empty()) out.emplace_back(frame.begin() + 4, frame.end());
  }
}

std::vector<Frame> sound_frames() {
  std::vector<Frame> out;
  const Frame batch = make_batch(
      {.values = {"abc", "", "defghi"}, .producer_id = 4, .producer_epoch = 0, .base_sequence = 0});
  const Frame produce = make_produce_frame({.batch = batch});
  out.emplace_back(produce.begin() + 4, produce.end());
  wire::FetchRequest::Partition fetch_partition;
  fetch_partition.partition_max_bytes = 1000;
  wire::FetchRequest::Topic fetch_topic;
  fetch_topic.topic = "t";
  fetch_topic.partitions = {&fetch_partition, 1};
  wire::FetchRequest fetch;
  fetch.topics = {&fetch_topic, 1};
  add_frames(out, fetch);
  wire::ListOffsetsRequest::Partition offsets_partition;
  wire::ListOffsetsRequest::Topic offsets_topic;
  offsets_topic.name = "t";
  offsets_topic.partitions = {&offsets_partition, 1};
  wire::ListOffsetsRequest offsets;
  offsets.topics = {&offsets_topic, 1};
  add_frames(out, offsets);
  wire::MetadataRequest::Topic metadata_topic;
  metadata_topic.name = "t";
  wire::MetadataRequest metadata;
  metadata.topics = std::span<const wire::MetadataRequest::Topic>(&metadata_topic, 1);
  add_frames(out, metadata);
  wire::CreateTopicsRequest::Topic created;
  created.name = "c";
  created.num_partitions = 2;
  wire::CreateTopicsRequest create;
  create.topics = {&created, 1};
  add_frames(out, create);
  add_frames(out, wire::ApiVersionsRequest{"name", "1.0"});
  add_frames(out, wire::InitProducerIdRequest{});
  add_frames(out, wire::FindCoordinatorRequest{});
  add_frames(out, wire::DescribeProducersRequest{});
  add_frames(out, wire::SaslHandshakeRequest{"PLAIN"});
  constexpr std::string_view kPlain{"\0user\0password", 14};
  add_frames(out, wire::SaslAuthenticateRequest{std::as_bytes(std::span(kPlain))});
  return out;
}

class NodeRobustness : public ::testing::Test {
 protected:
  NodeRobustness() { cluster_.create_topic("t", 2); }

  // The frame lies in memory of its own size, so that a sanitizer sees a read past its end.
  Outcome::Kind feed(const Frame& frame) {
    const auto exact = std::make_unique<std::byte[]>(frame.size());
    std::copy(frame.begin(), frame.end(), exact.get());
    Parked parked;
    const Now now{MonoTime{}, 0};
    return node_.handle_request({exact.get(), frame.size()}, now, login_, parked).kind;
  }
  int random(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

  std::mt19937_64 random_{seed()};
  Faults faults_{1};
  Login login_;
  DevCluster cluster_{{.nodes = 2, .auto_create = true, .log_bytes_max = 1 << 20}};
  Node node_{kFirstNodeId, cluster_, faults_, {}};
  std::vector<Frame> sound_ = sound_frames();
};

TEST_F(NodeRobustness, AnswersOrParksEverySoundFrame) {
  for (const Frame& frame : sound_) EXPECT_NE(feed(frame), Outcome::Kind::Close);
}

TEST_F(NodeRobustness, HangsUpOnEveryTruncatedFrame) {
  for (const Frame& frame : sound_) {
    for (std::size_t size = 0; size < frame.size(); ++size) {
      EXPECT_EQ(feed({frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size)}),
                Outcome::Kind::Close)
          << "api " << static_cast<int>(frame[1]) << ", " << size << " of " << frame.size();
    }
  }
}

TEST_F(NodeRobustness, SurvivesRandomFrames) {
  for (int round = 0; round < kRounds; ++round) {
    Frame frame(static_cast<std::size_t>(random(200)));
    for (std::byte& one : frame) one = static_cast<std::byte>(random(256));
    if (frame.size() > 3 && random(2) == 0) {  // a known API, so that decoding begins
      const Frame& known =
          sound_[static_cast<std::size_t>(random(static_cast<int>(sound_.size())))];
      std::copy_n(known.begin(), 4, frame.begin());
    }
    feed(frame);
  }
}

TEST_F(NodeRobustness, SurvivesMutatedFramesAndStaysWithinItsLog) {
  for (int round = 0; round < kRounds; ++round) {
    Frame frame = sound_[static_cast<std::size_t>(random(static_cast<int>(sound_.size())))];
    for (int changes = 1 + random(4); changes > 0; --changes) {
      const auto at = static_cast<std::size_t>(random(static_cast<int>(frame.size())));
      frame[at] = static_cast<std::byte>(random(256));
    }
    feed(frame);
    ASSERT_LE(cluster_.log_bytes(), cluster_.options().log_bytes_max);
  }
}

TEST_F(NodeRobustness, SurvivesBatchesWithASoundCrcAroundNonsense) {
  for (int round = 0; round < kRounds / 4; ++round) {
    Frame batch = make_batch({.values = {"abc", "de"}});
    const auto room = static_cast<int>(batch.size() - wire::kBatchCrcEnd);
    for (int changes = 1 + random(4); changes > 0; --changes) {
      const auto at = wire::kBatchCrcEnd + static_cast<std::size_t>(random(room));
      batch[at] = static_cast<std::byte>(random(256));
    }
    fix_crc(batch);
    const Frame frame = make_produce_frame({.batch = batch});
    feed({frame.begin() + 4, frame.end()});
  }
}

}  // namespace
}  // namespace spillway::dev
