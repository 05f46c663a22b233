#include "memory/pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace spillway {
namespace {

Pool::Config small_config() {
  return {.bytes_max = 1 * kMiB,
          .small_bytes_max = 256 * kKiB,
          .page_reserve = 128 * kKiB,
          .span_bytes_max = 512 * kKiB};
}

TEST(Pool, GivesPagesUntilTheBudgetIsSpentAndThenSaysNo) {
  Pool pool(small_config());
  ASSERT_TRUE(pool.valid());
  Page* chain = nullptr;
  std::size_t pages = 0;
  while (Page* page = pool.take_page()) {
    page->next = chain;
    chain = page;
    ++pages;
  }
  EXPECT_EQ(pages, kMiB / kPageBytes);
  EXPECT_EQ(pool.used(), kMiB);
  pool.return_pages(chain);
  EXPECT_LE(pool.used(), 64 * kPageBytes) << "the cache of the I/O thread counts as used";
  EXPECT_EQ(pool.used_peak(), kMiB);
}

TEST(Pool, CallersNeverTakeTheReserveOfTheIoThread) {
  Pool pool(small_config());
  std::size_t bytes = 0;
  while (pool.open_chunk(ChunkUse::Large)) bytes += kChunkBytes;
  EXPECT_EQ(bytes, kMiB - 128 * kKiB);
  EXPECT_NE(pool.take_page(), nullptr);
}

TEST(Pool, SmallRecordsUseOnlyTheirShare) {
  Pool pool(small_config());
  std::size_t bytes = 0;
  while (pool.open_chunk(ChunkUse::Small)) bytes += kChunkBytes;
  EXPECT_EQ(bytes, 256 * kKiB);
  EXPECT_TRUE(pool.open_chunk(ChunkUse::Large));
}

TEST(Pool, AChunkComesBackWhenItIsClosedAndEveryRecordIsReleased) {
  Pool pool(small_config());
  const auto block = pool.open_chunk(ChunkUse::Small);
  ASSERT_TRUE(block);
  EXPECT_FALSE(pool.release(block->id, block->generation, 2));
  EXPECT_FALSE(pool.close(block->id, block->generation, 3));
  EXPECT_EQ(pool.used(), kChunkBytes);
  EXPECT_TRUE(pool.release(block->id, block->generation, 1));
  EXPECT_EQ(pool.used(), 0U);
  EXPECT_EQ(pool.generation(block->id), block->generation + 1);
}

TEST(PoolDeath, ASecondReleaseIsFound) {
  Pool pool(small_config());
  const auto block = pool.open_chunk(ChunkUse::Small);
  EXPECT_TRUE(pool.close(block->id, block->generation, 0));
  EXPECT_DEATH((void)pool.release(block->id, block->generation, 1), "stale owner");
}

TEST(PoolDeath, AStaleOwnerIsFoundEvenWhenTheBlockLivesAgain) {
  Pool pool(small_config());
  const auto first = pool.open_chunk(ChunkUse::Small);
  EXPECT_TRUE(pool.close(first->id, first->generation, 0));
  const auto second = pool.open_chunk(ChunkUse::Small);
  ASSERT_EQ(second->id, first->id);
  EXPECT_DEATH((void)pool.release(first->id, first->generation, 1), "stale owner");
}

TEST(PoolDeath, ReleasingMoreThanWasAppendedIsFound) {
  Pool pool(small_config());
  const auto block = pool.open_chunk(ChunkUse::Small);
  EXPECT_FALSE(pool.release(block->id, block->generation, 2));
  EXPECT_DEATH((void)pool.close(block->id, block->generation, 1), "more records");
}

TEST(Pool, TouchedMemoryMovesBetweenKindsInsteadOfAddingUp) {
  Pool pool(small_config());
  std::vector<Block> chunks;
  while (auto block = pool.open_chunk(ChunkUse::Large)) {
    std::memset(block->bytes.data(), 1, block->bytes.size());
    chunks.push_back(*block);
  }
  for (const Block& block : chunks) EXPECT_TRUE(pool.close(block.id, block.generation, 0));
  EXPECT_EQ(pool.used(), 0U);
  EXPECT_EQ(pool.resident(), kMiB - 128 * kKiB);
  Page* chain = nullptr;
  while (Page* page = pool.take_page()) {
    page->next = chain;
    chain = page;
    EXPECT_LE(pool.resident(), kMiB);
  }
  EXPECT_EQ(pool.used(), kMiB);
  pool.return_pages(chain);
}

TEST(Pool, TrimGivesFreeMemoryBack) {
  Pool pool(small_config());
  const auto block = pool.open_span(400 * kKiB);
  ASSERT_TRUE(block);
  EXPECT_EQ(pool.trim(kMiB), 0U) << "nothing is free";
  EXPECT_TRUE(pool.close(block->id, block->generation, 0));
  EXPECT_EQ(pool.trim(kMiB), 400 * kKiB);
  EXPECT_EQ(pool.resident(), 0U);
}

TEST(Pool, ASpanIsChargedForTheRecordAndNotForItsAddressSpace) {
  Pool pool(small_config());
  const auto block = pool.open_span(100'000);
  ASSERT_TRUE(block);
  EXPECT_EQ(pool.used(), round_up(100'000, kPageBytes));
}

// The budget identity under random use: what is used is the sum of what is out, and never above the
// budget.
TEST(Pool, UsedIsTheSumOfWhatIsOutUnderRandomUse) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  Pool pool(small_config());
  std::vector<Block> blocks;
  std::vector<Page*> pages;
  for (int step = 0; step < 20'000; ++step) {
    const auto dice = random() % 8;
    if (dice == 0) {
      if (auto block = pool.open_span(1 + random() % (512 * kKiB))) blocks.push_back(*block);
    } else if (dice == 1) {
      if (auto block = pool.open_chunk(random() % 2 ? ChunkUse::Small : ChunkUse::Large))
        blocks.push_back(*block);
    } else if (dice < 5) {
      if (Page* page = pool.take_page()) pages.push_back(page);
    } else if (dice < 7 && !pages.empty()) {
      pages.back()->next = nullptr;
      pool.return_pages(pages.back());
      pages.pop_back();
    } else if (!blocks.empty()) {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      EXPECT_TRUE(pool.close(blocks.back().id, blocks.back().generation, 0));
      blocks.pop_back();
    }
    ASSERT_LE(pool.used(), pool.resident());
    ASSERT_LE(pool.resident(), pool.bytes_max());
  }
  for (const Block& block : blocks) EXPECT_TRUE(pool.close(block.id, block.generation, 0));
  for (Page* page : pages) {
    page->next = nullptr;
    pool.return_pages(page);
  }
  EXPECT_LE(pool.used(), 64 * kPageBytes) << "only the cache of the I/O thread may still be out";
}

TEST(Pool, ThreadsThatTakeAndReleaseEndWithNothingUsed) {
  Pool pool(small_config());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pool] {
      for (int i = 0; i < 5'000; ++i) {
        auto block = pool.open_chunk(i % 2 ? ChunkUse::Small : ChunkUse::Large);
        if (!block) continue;
        std::memset(block->bytes.data(), i, 64);
        (void)pool.close(block->id, block->generation, 1);
        EXPECT_TRUE(pool.release(block->id, block->generation, 1));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(pool.used(), 0U);
}

}  // namespace
}  // namespace spillway
