#include "testing/dev_broker/producer_states.h"

#include <gtest/gtest.h>

#include <limits>

namespace spillway::dev {
namespace {

constexpr std::int64_t kId = 9;
constexpr std::int32_t kSequenceMax = std::numeric_limits<std::int32_t>::max();

class ProducerRules : public ::testing::Test {
 protected:
  KafkaError send(std::int16_t epoch, std::int32_t sequence, std::int32_t records = 1) {
    const BatchProducer batch{kId, epoch, sequence, records};
    const auto verdict = states_.check(batch);
    duplicate_of_ = verdict.duplicate_of;
    if (verdict.error == KafkaError::kNone && !verdict.duplicate_of.has_value()) {
      states_.note(batch, next_offset_, 0);
      next_offset_ += records;
    }
    return verdict.error;
  }

  ProducerStates states_;
  std::int64_t next_offset_ = 100;
  std::optional<std::int64_t> duplicate_of_;
};

TEST_F(ProducerRules, AnUnknownProducerMayStartAnywhere) {
  EXPECT_EQ(send(0, 42), KafkaError::kNone);
  EXPECT_EQ(send(0, 43), KafkaError::kNone);
}

TEST_F(ProducerRules, AGapIsOutOfOrder) {
  send(0, 0, 3);
  EXPECT_EQ(send(0, 4), KafkaError::kOutOfOrderSequenceNumber);
  EXPECT_EQ(send(0, 3), KafkaError::kNone);
}

TEST_F(ProducerRules, ADuplicateOfTheLastFiveIsAnsweredWithItsFirstOffset) {
  for (std::int32_t i = 0; i < 5; ++i) send(0, i * 2, 2);
  EXPECT_EQ(send(0, 0, 2), KafkaError::kNone);
  ASSERT_TRUE(duplicate_of_.has_value());
  EXPECT_EQ(*duplicate_of_, 100);
  EXPECT_EQ(next_offset_, 110);
}

TEST_F(ProducerRules, TheSixthLastBatchIsNoLongerKnown) {
  for (std::int32_t i = 0; i < 6; ++i) send(0, i);
  EXPECT_EQ(send(0, 0), KafkaError::kOutOfOrderSequenceNumber);
}

TEST_F(ProducerRules, ARetryOfAnotherLengthIsNoDuplicate) {
  send(0, 0, 2);
  EXPECT_EQ(send(0, 0, 1), KafkaError::kOutOfOrderSequenceNumber);
  EXPECT_FALSE(duplicate_of_.has_value());
}

TEST_F(ProducerRules, ANewEpochStartsAtZero) {
  send(0, 0);
  EXPECT_EQ(send(1, 1), KafkaError::kOutOfOrderSequenceNumber);
  EXPECT_EQ(send(1, 0), KafkaError::kNone);
  EXPECT_FALSE(duplicate_of_.has_value());
}

TEST_F(ProducerRules, AnOldEpochIsFencedEvenForADuplicate) {
  send(0, 0);
  send(1, 0);
  EXPECT_EQ(send(0, 0), KafkaError::kInvalidProducerEpoch);
}

TEST_F(ProducerRules, SequencesWrapToZero) {
  send(0, kSequenceMax - 1, 2);
  EXPECT_EQ(send(0, 0), KafkaError::kNone);
  EXPECT_EQ(sequence_add(kSequenceMax - 1, 3), 1);
}

TEST_F(ProducerRules, ABatchMayWrapInside) {
  send(0, kSequenceMax, 3);  // sequences max, 0, 1
  EXPECT_EQ(send(0, 2), KafkaError::kNone);
}

TEST_F(ProducerRules, AForgottenProducerIsUnknown) {
  send(0, 0);
  states_.forget(kId);
  EXPECT_EQ(send(0, 17), KafkaError::kNone);
}

TEST(ProducerStates, ForgetsTheMostSilentProducerWhenFull) {
  ProducerStates states;
  const auto max = static_cast<std::int64_t>(ProducerStates::kProducersMax);
  for (std::int64_t id = 0; id < max; ++id) states.note({id, 0, 0, 1}, 0, 0);
  states.note({0, 0, 1, 1}, 0, 0);  // 0 speaks again, so 1 is the most silent
  states.note({max, 0, 0, 1}, 0, 0);
  EXPECT_EQ(states.all().size(), ProducerStates::kProducersMax);
  EXPECT_TRUE(states.all().contains(0));
  EXPECT_FALSE(states.all().contains(1));
}

}  // namespace
}  // namespace spillway::dev
