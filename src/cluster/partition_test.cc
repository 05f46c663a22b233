#include "cluster/partition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.h"

namespace spillway {
namespace {

class PartitionTest : public ::testing::Test {
 protected:
  ~PartitionTest() override {
    for (Batch* batch : all_) Batch::destroy(batch, pool_);
  }
  Batch& make() {
    all_.push_back(Batch::create(pool_, partition_, MonoTime{}));
    return *all_.back();
  }
  Batch& make_sent(std::uint32_t order) {
    Batch& batch = make();
    batch.order = order;
    batch.sends = 1;
    return batch;
  }
  std::vector<const Batch*> queue() const {
    std::vector<const Batch*> out;
    for (const Batch* batch = partition_.head; batch != nullptr; batch = batch->next)
      out.push_back(batch);
    EXPECT_EQ(out.size(), partition_.queued);
    EXPECT_EQ(partition_.tail, out.empty() ? nullptr : out.back());
    return out;
  }

  Pool pool_{{1 * kMiB, 0, 0, kPageBytes}};
  Partition partition_;
  std::vector<Batch*> all_;
};

TEST_F(PartitionTest, RetriesGoBeforeWhatWasNeverSentInTheirOldOrder) {
  for (const std::uint32_t base : {10U, 0xFFFF'FFFEU}) {  // orders wrap
    partition_ = Partition{};
    std::vector<std::uint32_t> orders = {0, 1, 2, 3, 4};
    do {
      partition_ = Partition{};
      Batch& fresh = make();
      partition_.push_back(fresh);
      for (const std::uint32_t order : orders) partition_.push_retry(make_sent(base + order));
      const auto found = queue();
      ASSERT_EQ(found.size(), 6u);
      for (std::uint32_t i = 0; i < 5; ++i) ASSERT_EQ(found[i]->order, base + i);
      ASSERT_EQ(found[5], &fresh);
      for (Batch* batch : all_) Batch::destroy(batch, pool_);
      all_.clear();
    } while (std::ranges::next_permutation(orders).found);
  }
}

TEST_F(PartitionTest, ARetryIntoAnEmptyQueueIsItsTail) {
  Batch& batch = make_sent(3);
  partition_.push_retry(batch);
  EXPECT_EQ(queue(), std::vector<const Batch*>{&batch});
  Batch& fresh = make();
  partition_.push_back(fresh);
  EXPECT_EQ(queue(), (std::vector<const Batch*>{&batch, &fresh}));
}

TEST_F(PartitionTest, RemovesFromAnywhere) {
  for (std::size_t victim = 0; victim < 3; ++victim) {
    partition_ = Partition{};
    Batch* const batches[] = {&make(), &make(), &make()};
    for (Batch* batch : batches) partition_.push_back(*batch);
    partition_.remove(*batches[victim]);
    std::vector<const Batch*> left;
    for (std::size_t i = 0; i < 3; ++i) {
      if (i != victim) left.push_back(batches[i]);
    }
    EXPECT_EQ(queue(), left);
    EXPECT_EQ(partition_.pop_front(), left[0]);
    EXPECT_EQ(partition_.pop_front(), left[1]);
    EXPECT_TRUE(queue().empty());
  }
}

TEST_F(PartitionTest, ASealedTailTakesNoMoreRecords) {
  EXPECT_EQ(partition_.open_batch(), nullptr);
  Batch& batch = make();
  partition_.push_back(batch);
  EXPECT_EQ(partition_.open_batch(), &batch);
  batch.seal({}, -1);
  EXPECT_EQ(partition_.open_batch(), nullptr);
}

// Against a plain list of what is unresolved.
TEST_F(PartitionTest, TheWindowSpansFiveFromTheOldestWithoutAFate) {
  Random random(1);
  for (const std::uint32_t begin : {0U, 0xFFFF'FFF0U}) {
    Partition partition;
    partition.next_order = partition.window_begin = begin;
    std::vector<std::uint32_t> unresolved;
    Batch& batch = make();
    for (int i = 0; i < 2'000; ++i) {
      const bool open = unresolved.empty() || partition.next_order - unresolved.front() < 5;
      ASSERT_EQ(partition.window_open(), open);
      if (open && (unresolved.empty() || random.below(2) == 0)) {
        batch.order = partition.next_order++;
        partition.enter_window(batch);
        unresolved.push_back(batch.order);
        continue;
      }
      const auto at =
          unresolved.begin() + static_cast<std::ptrdiff_t>(random.below(unresolved.size()));
      batch.order = *at;
      unresolved.erase(at);
      partition.leave_window(batch);
    }
  }
}

}  // namespace
}  // namespace spillway
