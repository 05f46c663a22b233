#include "wire/errors.h"

#include <gtest/gtest.h>

#include <array>

namespace spillway::wire {
namespace {

TEST(ErrorCodes, SayWhatABatchMayHaveBecome) {
  EXPECT_EQ(error_info(ErrorCode::kDuplicateSequenceNumber).persisted, Persisted::kPersisted);
  EXPECT_EQ(error_info(ErrorCode::kNotEnoughReplicas).persisted, Persisted::kNot);
  EXPECT_EQ(error_info(ErrorCode::kRequestTimedOut).persisted, Persisted::kPossibly);
  EXPECT_TRUE(error_info(ErrorCode::kNotLeaderOrFollower).is_retriable);
  EXPECT_TRUE(error_info(ErrorCode::kNotLeaderOrFollower).needs_metadata);
  EXPECT_FALSE(error_info(ErrorCode::kMessageTooLarge).is_retriable);
}

TEST(ErrorCodes, AnUnknownOneMayHavePersistedAndIsNotRetried) {
  for (const std::int16_t code : std::array<std::int16_t, 4>{-2, 11, 999, 32'767}) {
    EXPECT_EQ(error_info(code).code, ErrorCode::kUnknownServerError) << code;
    EXPECT_EQ(error_info(code).persisted, Persisted::kPossibly);
    EXPECT_FALSE(error_info(code).is_retriable);
  }
}

}  // namespace
}  // namespace spillway::wire
