#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "testing/dev_broker/node_fixture.h"

namespace spillway::dev {
namespace {

using std::chrono::milliseconds;

// --- ApiVersions

TEST_F(NodeTest, OffersItsVersionsAndClaimsProduceFromZero) {
  const auto answer = call<wire::ApiVersionsResponse>(wire::ApiVersionsRequest{"x", "1"}, 3);
  ASSERT_EQ(answer.problem, nullptr);
  bool found = false;
  for (const auto& api : answer.message.api_keys) {
    EXPECT_TRUE(is_served(api.api_key));
    if (api.api_key != wire::ProduceRequest::kApiKey) continue;
    found = true;
    EXPECT_EQ(api.min_version, 0);
    EXPECT_EQ(api.max_version, wire::ProduceRequest::kVersionMax);
  }
  EXPECT_TRUE(found);
}

TEST_F(NodeTest, RefusesAnUnknownApiVersionsInVersionZero) {
  auto frame = make_frame(wire::ApiVersionsRequest{"x", "1"}, 3);
  wire::store_big_endian(frame.data() + 6, std::int16_t{99});
  const auto answer = decode_answer<wire::ApiVersionsResponse>(handle_frame(frame).answer, 0);
  ASSERT_EQ(answer.problem, nullptr);
  EXPECT_EQ(answer.message.error_code, code_of(KafkaError::kUnsupportedVersion));
  EXPECT_FALSE(answer.message.api_keys.empty());
}

TEST_F(NodeTest, ACapHidesAndRefusesLaterVersions) {
  restart({.nodes = 1}, {{ApiKey::kProduce, std::int16_t{7}}});
  const auto answer = call<wire::ApiVersionsResponse>(wire::ApiVersionsRequest{"x", "1"}, 3);
  for (const auto& api : answer.message.api_keys) {
    const bool is_produce = api.api_key == wire::ProduceRequest::kApiKey;
    EXPECT_TRUE(!is_produce || api.max_version == 7);
  }
  EXPECT_EQ(produce({.version = 7, .batch = kSound}).error_code, 0);
  EXPECT_EQ(handle_frame(make_produce_frame({.version = 8, .batch = kSound})).kind,
            Outcome::Kind::Close);
}

// --- Fetch

TEST_F(NodeTest, FetchGivesBackTheBytesOfTheBatch) {
  produce({.batch = kSound});
  const auto answer =
      decode_answer<wire::FetchResponse>(handle_frame(fetch_frame(0, 0)).answer, 12);
  ASSERT_EQ(answer.problem, nullptr);
  const auto& partition = answer.message.topics[0].partitions[0];
  EXPECT_EQ(partition.high_watermark, 2);
  const auto got = partition.records.bytes();
  ASSERT_EQ(got.size(), kSound.size());
  EXPECT_TRUE(std::equal(got.begin() + 16, got.end(), kSound.begin() + 16));
}

TEST_F(NodeTest, FetchWaitsForRecordsAndAnswersWhenTheyCome) {
  const Outcome waits = handle_frame(fetch_frame(0, 500));
  ASSERT_EQ(waits.kind, Outcome::Kind::Park);
  EXPECT_EQ(waits.wake_at, MonoTime{} + milliseconds(500));
  EXPECT_EQ(resume().kind, Outcome::Kind::Park);
  cluster_->append(cluster_->find_topic("t")->partitions[0], {{}, 2, 1000}, kSound, kWallMs);
  EXPECT_EQ(resume().kind, Outcome::Kind::Answer);
}

TEST_F(NodeTest, FetchAnswersEmptyWhenItsTimeIsUp) {
  ASSERT_EQ(handle_frame(fetch_frame(0, 500)).kind, Outcome::Kind::Park);
  time_ = milliseconds(500);
  const auto answer = decode_answer<wire::FetchResponse>(resume().answer, 12);
  ASSERT_EQ(answer.problem, nullptr);
  EXPECT_EQ(answer.message.topics[0].partitions[0].records.size(), 0U);
}

TEST_F(NodeTest, FetchWaitsForItsMinimum) {
  produce({.batch = kSound});
  const auto more = static_cast<std::int32_t>(kSound.size() + 1);
  EXPECT_EQ(handle_frame(fetch_frame(0, 500, more)).kind, Outcome::Kind::Park);
}

TEST_F(NodeTest, FetchBeyondTheLogIsOutOfRangeAtOnce) {
  const auto answer =
      decode_answer<wire::FetchResponse>(handle_frame(fetch_frame(1, 500)).answer, 12);
  EXPECT_EQ(answer.message.topics[0].partitions[0].error_code,
            code_of(KafkaError::kOffsetOutOfRange));
}

// --- The other APIs

TEST_F(NodeTest, ListsOffsetsByStartEndAndTime) {
  produce({.batch = make_batch({.values = {"a", "b", "c"}, .timestamp_ms = 1000})});
  const auto ask = [&](std::int64_t timestamp) {
    wire::ListOffsetsRequest::Partition partition;
    partition.timestamp = timestamp;
    wire::ListOffsetsRequest::Topic topic;
    topic.name = "t";
    topic.partitions = {&partition, 1};
    wire::ListOffsetsRequest request;
    request.topics = {&topic, 1};
    return call<wire::ListOffsetsResponse>(request, 7).message.topics[0].partitions[0].offset;
  };
  EXPECT_EQ(ask(-2), 0);
  EXPECT_EQ(ask(-1), 3);
  EXPECT_EQ(ask(1001), 1);
  EXPECT_EQ(ask(1003), -1);
}

TEST_F(NodeTest, DescribesTheLastSequenceOfAProducer) {
  produce({.batch = make_batch(
               {.values = {"a", "b"}, .producer_id = 5, .producer_epoch = 1, .base_sequence = 0})});
  const std::int32_t index = 0;
  wire::DescribeProducersRequest::Topic topic;
  topic.name = "t";
  topic.partition_indexes = {&index, 1};
  wire::DescribeProducersRequest request;
  request.topics = {&topic, 1};
  const auto answer = call<wire::DescribeProducersResponse>(request, 0);
  const auto producers = answer.message.topics[0].partitions[0].active_producers;
  ASSERT_EQ(producers.size(), 1U);
  EXPECT_EQ(producers[0].producer_id, 5);
  EXPECT_EQ(producers[0].producer_epoch, 1);
  EXPECT_EQ(producers[0].last_sequence, 1);
}

TEST_F(NodeTest, NeverGivesTheSameProducerIdTwice) {
  wire::InitProducerIdRequest request;
  const auto first = call<wire::InitProducerIdResponse>(request, 4).message;
  request.producer_id = first.producer_id;
  request.producer_epoch = first.producer_epoch;
  const auto second = call<wire::InitProducerIdResponse>(request, 4).message;
  EXPECT_EQ(first.error_code, 0);
  EXPECT_EQ(first.producer_epoch, 0);
  EXPECT_NE(first.producer_id, second.producer_id);
}

TEST_F(NodeTest, GivesATransactionalIdTheSameProducerIdWithALaterEpoch) {
  wire::InitProducerIdRequest request;
  request.transactional_id = "x";
  request.transaction_timeout_ms = 1'000;
  const auto first = call<wire::InitProducerIdResponse>(request, 4).message;
  const auto second = call<wire::InitProducerIdResponse>(request, 4).message;
  EXPECT_EQ(first.error_code, 0);
  EXPECT_EQ(second.producer_id, first.producer_id);
  EXPECT_EQ(second.producer_epoch, first.producer_epoch + 1);
}

TEST_F(NodeTest, MetadataMakesATopicOnlyWhenBothSidesWantIt) {
  wire::MetadataRequest::Topic topic;
  topic.name = "new";
  wire::MetadataRequest request;
  request.topics = std::span<const wire::MetadataRequest::Topic>(&topic, 1);
  EXPECT_EQ(call<wire::MetadataResponse>(request, 12).message.topics[0].error_code,
            code_of(KafkaError::kUnknownTopicOrPartition));
  restart({.nodes = 1, .auto_create = true, .auto_create_partitions = 3});
  request.allow_auto_topic_creation = false;
  EXPECT_EQ(call<wire::MetadataResponse>(request, 12).message.topics[0].error_code,
            code_of(KafkaError::kUnknownTopicOrPartition));
  request.allow_auto_topic_creation = true;
  const auto made = call<wire::MetadataResponse>(request, 12);
  EXPECT_EQ(made.message.topics[0].partitions.size(), 3U);
}

TEST_F(NodeTest, MetadataLeavesOutAStoppedNodeAndNamesTheNewLeader) {
  cluster_->stop_node(1, true);
  const auto answer = call<wire::MetadataResponse>(wire::MetadataRequest{}, 12);
  ASSERT_EQ(answer.problem, nullptr);
  EXPECT_EQ(answer.message.brokers.size(), 2U);
  const auto& partition = answer.message.topics[0].partitions[0];
  EXPECT_EQ(partition.leader_id, 2);
  EXPECT_EQ(partition.leader_epoch, 1);
  EXPECT_EQ(partition.offline_replicas.size(), 1U);
}

TEST_F(NodeTest, CreatesTopicsAndRefusesBadOnes) {
  wire::CreateTopicsRequest::Topic topics[3];
  topics[0].name = "made";
  topics[0].num_partitions = 5;
  topics[0].replication_factor = 2;
  topics[1].name = "no/good";
  topics[1].num_partitions = 1;
  topics[2].name = "t";
  topics[2].num_partitions = 1;
  wire::CreateTopicsRequest request;
  request.topics = topics;
  const auto answer = call<wire::CreateTopicsResponse>(request, 7);
  ASSERT_EQ(answer.problem, nullptr);
  EXPECT_EQ(answer.message.topics[0].error_code, 0);
  EXPECT_EQ(cluster_->find_topic("made")->partitions.size(), 5U);
  EXPECT_EQ(answer.message.topics[1].error_code, code_of(KafkaError::kInvalidTopic));
  EXPECT_EQ(answer.message.topics[2].error_code, code_of(KafkaError::kTopicAlreadyExists));
}

TEST_F(NodeTest, NamesTheCoordinatorOrSaysThatThereIsNone) {
  const std::string_view key = "group";
  wire::FindCoordinatorRequest request;
  request.coordinator_keys = {&key, 1};
  auto answer = call<wire::FindCoordinatorResponse>(request, 4);
  ASSERT_EQ(answer.message.coordinators.size(), 1U);
  EXPECT_EQ(answer.message.coordinators[0].node_id, kFirstNodeId);
  cluster_->move_coordinators({kNoLeader, kNoLeader});
  answer = call<wire::FindCoordinatorResponse>(request, 4);
  ASSERT_EQ(answer.message.coordinators.size(), 1U);
  EXPECT_EQ(answer.message.coordinators[0].error_code,
            code_of(KafkaError::kCoordinatorNotAvailable));
}

}  // namespace
}  // namespace spillway::dev
