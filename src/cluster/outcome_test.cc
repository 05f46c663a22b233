#include "cluster/outcome.h"

#include <gtest/gtest.h>

#include "wire/errors.h"

namespace spillway {
namespace {

using wire::ErrorCode;

struct Row {
  ErrorCode error;
  Outcome idempotent;
  Outcome plain;
  bool refresh = false;
  bool rules_out = false;
  bool raises_doubt = false;
};

constexpr Row kRows[] = {
    {ErrorCode::kNone, Outcome::Delivered, Outcome::Delivered},
    {ErrorCode::kDuplicateSequenceNumber, Outcome::Delivered, Outcome::Delivered},
    {ErrorCode::kOutOfOrderSequenceNumber, Outcome::NewEpoch, Outcome::Failed, false, true},
    {ErrorCode::kUnknownProducerId, Outcome::NewEpoch, Outcome::Failed},
    {ErrorCode::kInvalidProducerEpoch, Outcome::NewIdentity, Outcome::Failed},
    {ErrorCode::kProducerFenced, Outcome::NewIdentity, Outcome::Failed},
    {ErrorCode::kInvalidProducerIdMapping, Outcome::NewIdentity, Outcome::Failed},
    {ErrorCode::kNotLeaderOrFollower, Outcome::Retry, Outcome::Retry, true},
    {ErrorCode::kLeaderNotAvailable, Outcome::Retry, Outcome::Retry, true},
    {ErrorCode::kUnknownTopicOrPartition, Outcome::Retry, Outcome::Retry, true},
    {ErrorCode::kUnknownTopicId, Outcome::Retry, Outcome::Retry, true},
    {ErrorCode::kFencedLeaderEpoch, Outcome::Retry, Outcome::Retry, true},
    {ErrorCode::kKafkaStorageError, Outcome::Retry, Outcome::Retry, true, false, true},
    {ErrorCode::kNotEnoughReplicas, Outcome::Retry, Outcome::Retry},
    {ErrorCode::kCorruptMessage, Outcome::Retry, Outcome::Retry},
    {ErrorCode::kRequestTimedOut, Outcome::Retry, Outcome::Retry, false, false, true},
    {ErrorCode::kNotEnoughReplicasAfterAppend, Outcome::Retry, Outcome::Retry, false, false, true},
    {ErrorCode::kMessageTooLarge, Outcome::Failed, Outcome::Failed},
    {ErrorCode::kRecordListTooLarge, Outcome::Failed, Outcome::Failed},
    {ErrorCode::kInvalidTopic, Outcome::Failed, Outcome::Failed},
    {ErrorCode::kTopicAuthorizationFailed, Outcome::Failed, Outcome::Failed},
    {ErrorCode::kClusterAuthorizationFailed, Outcome::Failed, Outcome::Failed},
    {ErrorCode::kInvalidRequiredAcks, Outcome::Failed, Outcome::Failed},
    {ErrorCode::kInvalidTimestamp, Outcome::Failed, Outcome::Failed},
    {ErrorCode::kInvalidRecord, Outcome::Failed, Outcome::Failed},
    {ErrorCode::kUnknownServerError, Outcome::Failed, Outcome::Failed, false, false, true},
};

TEST(OutcomeTest, EveryErrorHasItsVerdict) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(static_cast<int>(row.error));
    const auto code = static_cast<std::int16_t>(row.error);
    for (const bool idempotent : {true, false}) {
      const Verdict verdict = judge(code, idempotent, false);
      EXPECT_EQ(verdict.outcome, idempotent ? row.idempotent : row.plain);
      EXPECT_EQ(verdict.refresh_metadata, row.refresh);
      EXPECT_EQ(verdict.rules_out, row.rules_out);
      EXPECT_EQ(verdict.raises_doubt, row.raises_doubt);
    }
  }
}

TEST(OutcomeTest, OutOfOrderBehindARetryOnlySaysThatTheRetryIsMissing) {
  const auto code = static_cast<std::int16_t>(ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(judge(code, true, true).outcome, Outcome::Retry);
  EXPECT_EQ(judge(code, false, true).outcome, Outcome::Failed);
}

TEST(OutcomeTest, ACodeThatNobodyKnowsIsFinalAndLeavesDoubt) {
  for (const int code : {-32'768, -2, 9'999, 32'767}) {
    const Verdict verdict = judge(static_cast<std::int16_t>(code), true, false);
    EXPECT_EQ(verdict.outcome, Outcome::Failed);
    EXPECT_TRUE(verdict.raises_doubt);
  }
}

}  // namespace
}  // namespace spillway
