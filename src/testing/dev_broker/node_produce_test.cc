#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "testing/dev_broker/node_fixture.h"

namespace spillway::dev {
namespace {

using std::chrono::milliseconds;

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
  EXPECT_EQ(answer.message.topics[0].partitions[0].error_code,
            code_of(KafkaError::kUnknownTopicId));
}

TEST_F(NodeTest, RefusesABatchWhoseCrcIsWrong) {
  auto batch = kSound;
  batch.back() ^= std::byte{1};
  EXPECT_EQ(produce_batch(batch), KafkaError::kCorruptMessage);
  EXPECT_EQ(cluster_->find_topic("t")->partitions[0].log.end_offset(), 0);
}

TEST_F(NodeTest, RefusesAnotherMagic) {
  auto batch = kSound;
  batch[16] = std::byte{1};
  EXPECT_EQ(produce_batch(batch), KafkaError::kInvalidRecord);
}

TEST_F(NodeTest, RefusesTwoBatchesForOnePartition) {
  auto batch = kSound;
  batch.insert(batch.end(), kSound.begin(), kSound.end());
  EXPECT_EQ(produce_batch(batch), KafkaError::kInvalidRecord);
}

TEST_F(NodeTest, RefusesACountThatDoesNotMatchItsLastOffset) {
  auto batch = kSound;
  wire::store_big_endian(batch.data() + 23, std::int32_t{2});
  fix_crc(batch);
  EXPECT_EQ(produce_batch(batch), KafkaError::kInvalidRecord);
}

TEST_F(NodeTest, RefusesAnOffsetDeltaOutOfLine) {
  auto batch = kSound;
  batch[61 + 3] = std::byte{4};  // length, attributes, time delta, offset delta: 0 becomes 2
  fix_crc(batch);
  EXPECT_EQ(produce_batch(batch), KafkaError::kInvalidRecord);
}

TEST_F(NodeTest, RefusesAProducerIdWithoutASequence) {
  EXPECT_EQ(produce_batch(make_batch({.values = {"a"}, .producer_id = 5, .producer_epoch = 0})),
            KafkaError::kInvalidRecord);
}

TEST_F(NodeTest, RefusesATruncatedOrAbsentBatch) {
  EXPECT_EQ(produce_batch({kSound.begin(), kSound.end() - 1}), KafkaError::kCorruptMessage);
  EXPECT_EQ(produce_batch({}), KafkaError::kCorruptMessage);
}

TEST_F(NodeTest, RefusesABatchAboveTheMessageLimit) {
  restart({.nodes = 1, .message_bytes_max = 200});
  EXPECT_EQ(produce_batch(make_batch({.values = {std::string(200, 'x')}})),
            KafkaError::kMessageTooLarge);
}

TEST_F(NodeTest, KnowsNoOtherTopicsAndPartitions) {
  EXPECT_EQ(produce({.topic = "u", .batch = kSound}).error_code,
            code_of(KafkaError::kUnknownTopicOrPartition));
  EXPECT_EQ(produce({.partition = 2, .batch = kSound}).error_code,
            code_of(KafkaError::kUnknownTopicOrPartition));
  EXPECT_EQ(produce({.partition = -1, .batch = kSound}).error_code,
            code_of(KafkaError::kUnknownTopicOrPartition));
}

TEST_F(NodeTest, NamesTheLeaderAndItsAddressWhenItIsAnother) {
  cluster_->node(2).host = "there";
  cluster_->node(2).port = 4242;
  const auto answer = produce({.partition = 1, .batch = kSound});
  EXPECT_EQ(answer.error_code, code_of(KafkaError::kNotLeaderOrFollower));
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
            code_of(KafkaError::kInvalidRequiredAcks));
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

// --- Faults

TEST_F(NodeTest, AnErrorFaultAppendsNothingAnErrorAfterAppendDoes) {
  faults_.add({.api = ApiKey::kProduce, .error = KafkaError::kNotEnoughReplicas});
  EXPECT_EQ(produce_batch(kSound), KafkaError::kNotEnoughReplicas);
  EXPECT_EQ(cluster_->find_topic("t")->partitions[0].log.end_offset(), 0);
  faults_.add({.kind = FaultKind::ErrorAfterAppend,
               .api = ApiKey::kProduce,
               .error = KafkaError::kNotEnoughReplicasAfterAppend});
  EXPECT_EQ(produce_batch(kSound), KafkaError::kNotEnoughReplicasAfterAppend);
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
