#include "testing/dev_broker/node.h"

#include <gtest/gtest.h>

#include <chrono>

#include "testing/dev_broker/test_client.h"

namespace spillway::dev {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kWallMs = 1'700'000'000'000;

// Three nodes without sockets; node 1 leads partition 0 of topic t, node 2 partition 1.
class NodeTest : public ::testing::Test {
 protected:
  NodeTest() { restart({.nodes = 3}); }

  void restart(ClusterOptions options, VersionCaps caps = {}) {
    cluster_ = std::make_unique<DevCluster>(options);
    cluster_->create_topic("t", 2);
    node_ = std::make_unique<Node>(kFirstNodeId, *cluster_, faults_, caps);
  }

  [[nodiscard]] Now now() const { return {MonoTime{} + time_, kWallMs}; }

  // A frame as make_frame gives it, with its length.
  Outcome handle_frame(const std::vector<std::byte>& frame) {
    frame_ = frame;
    return node_->handle_request(std::span<const std::byte>(frame_).subspan(4), now(), parked_);
  }
  Outcome resume() {
    return node_->resume(std::span<const std::byte>(frame_).subspan(4), now(), parked_);
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
  Parked parked_;
  std::vector<std::byte> frame_;
  Decoded<wire::ProduceResponse> produced_;
};

const std::vector<std::byte> kSound = make_batch({.values = {"a", "b"}});

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
  EXPECT_EQ(answer.message.error_code, code_of(KafkaError::UnsupportedVersion));
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

// --- Produce

TEST_F(NodeTest, AppendsAndAnswersWithTheBaseOffsetInEveryVersion) {
  std::int64_t expected = 0;
  for (std::int16_t version = 3; version <= 12; ++version) {
    const auto answer = produce({.version = version, .batch = kSound});
    EXPECT_EQ(answer.error_code, 0) << "version " << version;
    EXPECT_EQ(answer.base_offset, expected) << "version " << version;
    expected += 2;
  }
}

TEST_F(NodeTest, FindsATopicByIdFromVersionThirteenOn) {
  wire::ProduceRequest::Partition partition;
  partition.records = wire::Records::of(kSound);
  wire::ProduceRequest::Topic topic;
  topic.topic_id = cluster_->find_topic("t")->id;
  topic.partitions = {&partition, 1};
  wire::ProduceRequest request;
  request.acks = -1;
  request.topics = {&topic, 1};
  auto answer = call<wire::ProduceResponse>(request, 13);
  ASSERT_EQ(answer.problem, nullptr);
  EXPECT_EQ(answer.message.topics[0].partitions[0].error_code, 0);
  topic.topic_id.bytes[0] ^= std::byte{1};
  answer = call<wire::ProduceResponse>(request, 13);
  EXPECT_EQ(answer.message.topics[0].partitions[0].error_code, code_of(KafkaError::UnknownTopicId));
}

TEST_F(NodeTest, RefusesABatchWhoseCrcIsWrong) {
  auto batch = kSound;
  batch.back() ^= std::byte{1};
  EXPECT_EQ(produce_batch(batch), KafkaError::CorruptMessage);
  EXPECT_EQ(cluster_->find_topic("t")->partitions[0].log.end_offset(), 0);
}

TEST_F(NodeTest, RefusesAnotherMagic) {
  auto batch = kSound;
  batch[16] = std::byte{1};
  EXPECT_EQ(produce_batch(batch), KafkaError::InvalidRecord);
}

TEST_F(NodeTest, RefusesTwoBatchesForOnePartition) {
  auto batch = kSound;
  batch.insert(batch.end(), kSound.begin(), kSound.end());
  EXPECT_EQ(produce_batch(batch), KafkaError::InvalidRecord);
}

TEST_F(NodeTest, RefusesACountThatDoesNotMatchItsLastOffset) {
  auto batch = kSound;
  wire::store_big_endian(batch.data() + 23, std::int32_t{2});
  fix_crc(batch);
  EXPECT_EQ(produce_batch(batch), KafkaError::InvalidRecord);
}

TEST_F(NodeTest, RefusesAnOffsetDeltaOutOfLine) {
  auto batch = kSound;
  batch[61 + 3] = std::byte{4};  // length, attributes, time delta, offset delta: 0 becomes 2
  fix_crc(batch);
  EXPECT_EQ(produce_batch(batch), KafkaError::InvalidRecord);
}

TEST_F(NodeTest, RefusesAProducerIdWithoutASequence) {
  EXPECT_EQ(produce_batch(make_batch({.values = {"a"}, .producer_id = 5, .producer_epoch = 0})),
            KafkaError::InvalidRecord);
}

TEST_F(NodeTest, RefusesATruncatedOrAbsentBatch) {
  EXPECT_EQ(produce_batch({kSound.begin(), kSound.end() - 1}), KafkaError::CorruptMessage);
  EXPECT_EQ(produce_batch({}), KafkaError::CorruptMessage);
}

TEST_F(NodeTest, RefusesABatchAboveTheMessageLimit) {
  restart({.nodes = 1, .message_bytes_max = 200});
  EXPECT_EQ(produce_batch(make_batch({.values = {std::string(200, 'x')}})),
            KafkaError::MessageTooLarge);
}

TEST_F(NodeTest, KnowsNoOtherTopicsAndPartitions) {
  EXPECT_EQ(produce({.topic = "u", .batch = kSound}).error_code,
            code_of(KafkaError::UnknownTopicOrPartition));
  EXPECT_EQ(produce({.partition = 2, .batch = kSound}).error_code,
            code_of(KafkaError::UnknownTopicOrPartition));
  EXPECT_EQ(produce({.partition = -1, .batch = kSound}).error_code,
            code_of(KafkaError::UnknownTopicOrPartition));
}

TEST_F(NodeTest, NamesTheLeaderAndItsAddressWhenItIsAnother) {
  cluster_->node(2).host = "there";
  cluster_->node(2).port = 4242;
  const auto answer = produce({.partition = 1, .batch = kSound});
  EXPECT_EQ(answer.error_code, code_of(KafkaError::NotLeaderOrFollower));
  EXPECT_EQ(answer.current_leader.leader_id, 2);
  ASSERT_EQ(produced_.message.node_endpoints.size(), 1U);
  EXPECT_EQ(produced_.message.node_endpoints[0].host, "there");
  EXPECT_EQ(produced_.message.node_endpoints[0].port, 4242);
}

TEST_F(NodeTest, AnswersNothingToAcksZeroAndHangsUpOnItsErrors) {
  EXPECT_EQ(handle_frame(make_produce_frame({.acks = 0, .batch = kSound})).kind,
            Outcome::Kind::NoAnswer);
  EXPECT_EQ(cluster_->find_topic("t")->partitions[0].log.end_offset(), 2);
  EXPECT_EQ(handle_frame(make_produce_frame({.topic = "u", .acks = 0, .batch = kSound})).kind,
            Outcome::Kind::Close);
}

TEST_F(NodeTest, RefusesAcksThatDoNotExist) {
  EXPECT_EQ(produce({.acks = 2, .batch = kSound}).error_code,
            code_of(KafkaError::InvalidRequiredAcks));
}

TEST_F(NodeTest, AnswersADuplicateWithTheOldOffsetAndKeepsOneCopy) {
  const auto batch =
      make_batch({.values = {"a"}, .producer_id = 5, .producer_epoch = 0, .base_sequence = 0});
  EXPECT_EQ(produce({.batch = batch}).base_offset, 0);
  produce({.batch = kSound});
  EXPECT_EQ(produce({.batch = batch}).base_offset, 0);
  EXPECT_EQ(cluster_->find_topic("t")->partitions[0].log.end_offset(), 3);
}

TEST_F(NodeTest, WithoutAStoreItCountsRecordsAndKeepsNothing) {
  restart({.nodes = 1, .store = false});
  auto broken = kSound;
  broken.back() ^= std::byte{1};
  EXPECT_EQ(produce({.batch = broken}).base_offset, 0);
  EXPECT_EQ(produce({.batch = kSound}).base_offset, 2);
  EXPECT_EQ(cluster_->log_bytes(), 0U);
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
            code_of(KafkaError::OffsetOutOfRange));
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

TEST_F(NodeTest, RefusesTransactions) {
  wire::InitProducerIdRequest request;
  request.transactional_id = "x";
  const auto answer = call<wire::InitProducerIdResponse>(request, 4).message;
  EXPECT_EQ(answer.error_code, code_of(KafkaError::UnsupportedVersion));
}

TEST_F(NodeTest, MetadataMakesATopicOnlyWhenBothSidesWantIt) {
  wire::MetadataRequest::Topic topic;
  topic.name = "new";
  wire::MetadataRequest request;
  request.topics = std::span<const wire::MetadataRequest::Topic>(&topic, 1);
  EXPECT_EQ(call<wire::MetadataResponse>(request, 12).message.topics[0].error_code,
            code_of(KafkaError::UnknownTopicOrPartition));
  restart({.nodes = 1, .auto_create = true, .auto_create_partitions = 3});
  request.allow_auto_topic_creation = false;
  EXPECT_EQ(call<wire::MetadataResponse>(request, 12).message.topics[0].error_code,
            code_of(KafkaError::UnknownTopicOrPartition));
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
  EXPECT_EQ(answer.message.topics[1].error_code, code_of(KafkaError::InvalidTopic));
  EXPECT_EQ(answer.message.topics[2].error_code, code_of(KafkaError::TopicAlreadyExists));
}

TEST_F(NodeTest, SaysThatThereIsNoCoordinator) {
  const std::string_view key = "group";
  wire::FindCoordinatorRequest request;
  request.coordinator_keys = {&key, 1};
  const auto answer = call<wire::FindCoordinatorResponse>(request, 4);
  ASSERT_EQ(answer.message.coordinators.size(), 1U);
  EXPECT_EQ(answer.message.coordinators[0].error_code,
            code_of(KafkaError::CoordinatorNotAvailable));
}

// --- Faults

TEST_F(NodeTest, AnErrorFaultAppendsNothingAnErrorAfterAppendDoes) {
  faults_.add({.api = ApiKey::kProduce, .error = KafkaError::NotEnoughReplicas});
  EXPECT_EQ(produce_batch(kSound), KafkaError::NotEnoughReplicas);
  EXPECT_EQ(cluster_->find_topic("t")->partitions[0].log.end_offset(), 0);
  faults_.add({.kind = FaultKind::ErrorAfterAppend,
               .api = ApiKey::kProduce,
               .error = KafkaError::NotEnoughReplicasAfterAppend});
  EXPECT_EQ(produce_batch(kSound), KafkaError::NotEnoughReplicasAfterAppend);
  EXPECT_EQ(cluster_->find_topic("t")->partitions[0].log.end_offset(), 2);
}

TEST_F(NodeTest, ALostAnswerLeavesTheBatchInTheLog) {
  faults_.add({.kind = FaultKind::CloseAfter, .topic = "t", .partition = 0});
  EXPECT_EQ(handle_frame(make_produce_frame({.batch = kSound})).kind, Outcome::Kind::Close);
  EXPECT_EQ(cluster_->find_topic("t")->partitions[0].log.end_offset(), 2);
  faults_.add({.kind = FaultKind::CloseBefore});
  EXPECT_EQ(handle_frame(make_produce_frame({.batch = kSound})).kind, Outcome::Kind::Close);
  EXPECT_EQ(cluster_->find_topic("t")->partitions[0].log.end_offset(), 2);
}

TEST_F(NodeTest, ADelayAndAThrottleShowInTheAnswer) {
  faults_.add({.kind = FaultKind::Delay, .delay = milliseconds(30)});
  faults_.add({.kind = FaultKind::Throttle, .delay = milliseconds(70)});
  const Outcome outcome = handle_frame(make_produce_frame({.batch = kSound}));
  EXPECT_EQ(outcome.send_at, MonoTime{} + milliseconds(30));
  const auto answer = decode_answer<wire::ProduceResponse>(outcome.answer, 12);
  EXPECT_EQ(answer.message.throttle_time_ms, 70);
}

TEST_F(NodeTest, AHalfAnswerIsHalfAndCloses) {
  const std::size_t whole = handle_frame(make_produce_frame({.batch = kSound})).answer.size();
  faults_.add({.kind = FaultKind::HalfAnswer});
  const Outcome half = handle_frame(make_produce_frame({.batch = kSound}));
  EXPECT_EQ(half.answer.size(), whole / 2);
  EXPECT_TRUE(half.close_after);
}

// --- The bound of the log

TEST_F(NodeTest, TheLogDropsItsOldestBatchesAtItsBound) {
  restart({.nodes = 1, .log_bytes_max = 4096});
  const auto batch = make_batch({.values = {std::string(500, 'x')}});
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(produce({.partition = i % 2, .batch = batch}).error_code, 0);
    ASSERT_LE(cluster_->log_bytes(), 4096U);
  }
  EXPECT_EQ(cluster_->find_topic("t")->partitions[0].log.end_offset(), 50);
  EXPECT_GT(cluster_->find_topic("t")->partitions[0].log.start_offset(), 45);
}

}  // namespace
}  // namespace spillway::dev
