#include "testing/dev_broker/partition_log.h"

#include <gtest/gtest.h>

#include <string>

#include "testing/dev_broker/test_client.h"
#include "wire/batch_reader.h"

namespace spillway::dev {
namespace {

constexpr std::int32_t kEpoch = 3;

std::int64_t add(PartitionLog& log, std::vector<std::string> values, std::int64_t time = 1000) {
  const auto count = static_cast<std::int32_t>(values.size());
  return log.append(make_batch({.values = std::move(values), .timestamp_ms = time}), count,
                    time + count - 1, kEpoch);
}

TEST(PartitionLog, GivesEachRecordTheNextOffset) {
  PartitionLog log;
  EXPECT_EQ(add(log, {"a", "b", "c"}), 0);
  EXPECT_EQ(add(log, {"d"}), 3);
  EXPECT_EQ(log.end_offset(), 4);
}

TEST(PartitionLog, StampsOffsetAndEpochWithoutBreakingTheCrc) {
  PartitionLog log;
  add(log, {"a", "b"});
  add(log, {"c"});
  wire::BatchView batch;
  ASSERT_EQ(wire::read_batch(log.batches().back().bytes, batch).what, nullptr);
  EXPECT_EQ(batch.header.base_offset, 2);
  EXPECT_EQ(batch.header.leader_epoch, kEpoch);
}

TEST(PartitionLog, ReadsFromTheBatchThatHoldsTheOffset) {
  PartitionLog log;
  add(log, {"a", "b"});
  add(log, {"c", "d"});
  const std::size_t size = log.batches().back().bytes.size();
  EXPECT_EQ(log.readable_bytes(3, 1 << 20, false), size);
  EXPECT_EQ(log.readable_bytes(4, 1 << 20, true), 0U);
}

TEST(PartitionLog, GivesOneBatchThatIsLargerThanTheLimitOnlyWhenAsked) {
  PartitionLog log;
  add(log, {std::string(1000, 'x')});
  EXPECT_EQ(log.readable_bytes(0, 10, false), 0U);
  EXPECT_EQ(log.readable_bytes(0, 10, true), log.batches().front().bytes.size());
}

TEST(PartitionLog, ReadsExactlyTheBytesThatWereGranted) {
  PartitionLog log;
  for (int i = 0; i < 5; ++i) add(log, {"x"});
  const std::size_t one = log.batches().front().bytes.size();
  std::vector<std::byte> out;
  log.read(1, log.readable_bytes(1, 2 * one + 1, false), out);
  EXPECT_EQ(out.size(), 2 * one);
}

TEST(PartitionLog, MovesItsStartBehindADroppedBatch) {
  PartitionLog log;
  add(log, {"a", "b"});
  add(log, {"c"});
  const std::size_t cost = log.batches().front().cost();
  EXPECT_EQ(log.drop_oldest(), cost);
  EXPECT_EQ(log.start_offset(), 2);
  EXPECT_EQ(log.end_offset(), 3);
}

TEST(PartitionLog, FindsTheFirstBatchThatReachesATime) {
  PartitionLog log;
  add(log, {"a"}, 1000);
  add(log, {"b"}, 2000);
  ASSERT_NE(log.find_by_time(1500), nullptr);
  EXPECT_EQ(log.find_by_time(1500)->base_offset, 1);
  EXPECT_EQ(log.find_by_time(2001), nullptr);
}

}  // namespace
}  // namespace spillway::dev
