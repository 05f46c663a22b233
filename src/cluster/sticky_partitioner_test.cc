#include "cluster/sticky_partitioner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace spillway {
namespace {

constexpr std::uint32_t kBatchBytes = 1000;

// How often each partition is chosen in `switches` switches with the same loads.
std::vector<int> hits_of(const std::vector<PartitionLoad>& loads, int switches,
                         bool adaptive = true) {
  StickyPartitioner partitioner(42, adaptive, kBatchBytes);
  std::vector<std::uint32_t> scratch(loads.size());
  std::vector<int> hits(loads.size());
  for (int i = 0; i < switches; ++i) {
    partitioner.switch_partition(loads, scratch);
    ++hits.at(static_cast<std::size_t>(partitioner.current()));
  }
  return hits;
}

TEST(StickyPartitioner, IsDueAtTheStart) {
  StickyPartitioner partitioner(1, true, kBatchBytes);
  EXPECT_TRUE(partitioner.needs_switch());
  EXPECT_EQ(partitioner.current(), -1);
}

TEST(StickyPartitioner, StaysUntilABatchIsProduced) {
  StickyPartitioner partitioner(1, true, kBatchBytes);
  const std::vector<PartitionLoad> loads(8);
  std::vector<std::uint32_t> scratch(8);
  partitioner.switch_partition(loads, scratch);
  const std::int32_t stuck = partitioner.current();
  for (int i = 0; i < 9; ++i) partitioner.produced(100);
  EXPECT_FALSE(partitioner.needs_switch());
  partitioner.produced(99);
  EXPECT_FALSE(partitioner.needs_switch());
  partitioner.produced(1);
  EXPECT_TRUE(partitioner.needs_switch());
  EXPECT_EQ(partitioner.current(), stuck) << "only switch_partition moves it";
  partitioner.switch_partition(loads, scratch);
  EXPECT_FALSE(partitioner.needs_switch());
}

TEST(StickyPartitioner, LeaveMakesASwitchDue) {
  StickyPartitioner partitioner(1, true, kBatchBytes);
  std::vector<std::uint32_t> scratch(2);
  partitioner.switch_partition(std::vector<PartitionLoad>(2), scratch);
  partitioner.produced(1);
  partitioner.leave();
  EXPECT_TRUE(partitioner.needs_switch());
}

TEST(StickyPartitioner, EqualLoadsAreChosenEqually) {
  for (const std::uint32_t queued : {0U, 5U, ~0U}) {
    const auto hits = hits_of(std::vector<PartitionLoad>(6, {queued, true}), 60'000);
    for (const int count : hits) EXPECT_NEAR(count, 10'000, 500) << queued;  // 5 sigma
  }
}

TEST(StickyPartitioner, ASlowPartitionGetsProportionallyLess) {
  // Weights max + 1 - queued: 10, 6, 1, of 17.
  const auto hits = hits_of({{0, true}, {4, true}, {9, true}}, 170'000);
  EXPECT_NEAR(hits[0], 100'000, 1'100);
  EXPECT_NEAR(hits[1], 60'000, 1'100);
  EXPECT_NEAR(hits[2], 10'000, 500);
}

TEST(StickyPartitioner, WithoutAdaptationLoadsDoNotCount) {
  const auto hits = hits_of({{0, true}, {4, true}, {9, true}}, 30'000, false);
  for (const int count : hits) EXPECT_NEAR(count, 10'000, 450);
}

TEST(StickyPartitioner, UnavailablePartitionsAreSkippedWhereverTheyStand) {
  for (const bool adaptive : {true, false}) {
    const auto hits =
        hits_of({{0, false}, {2, true}, {0, false}, {2, true}, {1000, false}}, 10'000, adaptive);
    EXPECT_EQ(hits[0] + hits[2] + hits[4], 0);
    // The queue of the last one does not count: it would flatten the weights of the others.
    EXPECT_NEAR(hits[1], 5'000, 250);
  }
}

TEST(StickyPartitioner, TheQueueOfAnUnavailablePartitionDoesNotCount) {
  const auto hits = hits_of({{0, true}, {1, true}, {1'000'000, false}}, 30'000);
  EXPECT_NEAR(hits[0], 20'000, 420);  // 2 : 1, not 1000001 : 1000000
}

TEST(StickyPartitioner, ASinglePartitionIsAlwaysChosen) {
  EXPECT_EQ(hits_of({{7, true}}, 100)[0], 100);
  EXPECT_EQ(hits_of({{7, false}}, 100)[0], 100);
}

TEST(StickyPartitioner, IfNobodyIsAvailableAnybodyIsChosen) {
  const auto hits = hits_of(std::vector<PartitionLoad>(4, {3, false}), 40'000);
  for (const int count : hits) EXPECT_NEAR(count, 10'000, 450);
}

TEST(StickyPartitioner, HugeQueuesDoNotOverflowTheTable) {
  std::vector<PartitionLoad> loads(2048, {~0U, true});
  for (std::size_t i = 0; i < 1024; ++i) loads[i].queued = 0;
  const auto hits = hits_of(loads, 20'000);
  int idle = 0;
  for (std::size_t i = 0; i < 1024; ++i) idle += hits[i];
  EXPECT_GT(idle, 19'900);
}

TEST(StickyPartitioner, TheSameSeedGivesTheSameChoices) {
  EXPECT_EQ(hits_of(std::vector<PartitionLoad>(9), 1'000),
            hits_of(std::vector<PartitionLoad>(9), 1'000));
}

TEST(StickyPartitioner, OverTimeTheSlowPartitionReceivesLessBytes) {
  // Two partitions drain 10 batches a round, the third 1: a closed loop with real queues.
  StickyPartitioner partitioner(7, true, kBatchBytes);
  std::vector<PartitionLoad> loads(3);
  std::vector<std::uint32_t> scratch(3);
  std::vector<int> batches(3);
  for (int round = 0; round < 2'000; ++round) {
    for (int i = 0; i < 15; ++i) {
      partitioner.switch_partition(loads, scratch);
      const auto chosen = static_cast<std::size_t>(partitioner.current());
      ++loads[chosen].queued;
      ++batches[chosen];
    }
    for (std::size_t i = 0; i < 3; ++i) {
      const std::uint32_t drained = i == 2 ? 1 : 10;
      loads[i].queued -= std::min(loads[i].queued, drained);
    }
  }
  // Uniform choice would give each 10,000 and the slow one a queue of 8,000 without end.
  EXPECT_LT(batches[2], 3'500);
  EXPECT_LT(loads[2].queued, 1'500U);
  EXPECT_NEAR(batches[0], batches[1], 1'000);
}

}  // namespace
}  // namespace spillway
