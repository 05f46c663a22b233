#include "cluster/batch.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "cluster/batch_test_support.h"

namespace spillway {
namespace {

TEST_F(BatchTest, CopiesAcrossPages) {
  for (const std::size_t size :
       std::initializer_list<std::size_t>{0, 1, 100, 3'900, 4'096, 20'000, 3, 8'192})
    ASSERT_TRUE(copy(size));
  batch_->seal(kIdentity, 5);
  expect_sound(5);
}

// The last record ends just before, at and just behind the end of a page.
TEST_F(BatchTest, EveryEndOfAPage) {
  for (std::size_t size = 3'500; size < 4'200; ++size) {
    ASSERT_TRUE(copy(size));
    ASSERT_TRUE(copy(0));
    batch_->seal(kIdentity, 0);
    expect_sound(0);
    ASSERT_FALSE(HasFailure()) << size;
    Batch::destroy(batch_, *pool_);
    create();
  }
}

TEST_F(BatchTest, RefersAndBorrowsInOrderWithCopies) {
  ASSERT_TRUE(refer(1'000));
  ASSERT_TRUE(copy(10));
  ASSERT_TRUE(copy(20));
  ASSERT_TRUE(borrow(5'000));
  ASSERT_TRUE(borrow(0));
  ASSERT_TRUE(copy(9'000));
  ASSERT_TRUE(refer(100'000));
  batch_->seal(kIdentity, 1);
  expect_sound(1);
}

TEST_F(BatchTest, RandomMixesAreSound) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    ASSERT_NO_FATAL_FAILURE(fill(random, 1 + random.below(400)));
    batch_->seal(kIdentity, 3);
    expect_sound(3);
    ASSERT_FALSE(HasFailure());
    Batch::destroy(batch_, *pool_);
    create();
  }
}

TEST_F(BatchTest, GathersFromEveryPosition) {
  ASSERT_TRUE(copy(50) && refer(900) && copy(4'100) && borrow(700) && copy(1));
  batch_->seal(kIdentity, 0);
  const std::vector<std::byte> whole = bytes_from(0);
  for (std::size_t position = 0; position < whole.size(); ++position) {
    for (const std::size_t piece : std::initializer_list<std::size_t>{1, 2, 64}) {
      const std::vector<std::byte> rest = bytes_from(position, piece);
      ASSERT_EQ(rest.size(), whole.size() - position) << position;
      ASSERT_TRUE(std::equal(rest.begin(), rest.end(),
                             whole.begin() + static_cast<std::ptrdiff_t>(position)));
    }
  }
}

TEST_F(BatchTest, AnotherIdentityChangesTheHeaderOnly) {
  ASSERT_TRUE(copy(5'000) && refer(1'000) && copy(10));
  batch_->seal(kIdentity, 9);
  const std::vector<std::byte> before = bytes_from(wire::kBatchHeaderSize);
  batch_->seal({8, 2}, 0);
  expect_sound(0, {8, 2});
  EXPECT_EQ(bytes_from(wire::kBatchHeaderSize), before);
  EXPECT_FALSE(batch_->takes_records());
}

class BatchInASmallPool : public BatchTest {
 protected:
  BatchInASmallPool() : BatchTest(1 * kMiB) {}
};

// At each step that needs memory: none is left. The batch is as it was, and goes on once there is
// some.
TEST_F(BatchInASmallPool, WithoutMemoryNothingChangesAndNothingLeaks) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Page* taken = nullptr;
    const auto take_all = [&](std::uint64_t but) {
      while (Page* page = pool_->take_page()) {
        page->next = taken;
        taken = page;
      }
      for (; but > 0 && taken != nullptr; --but) {
        Page* page = taken;
        taken = page->next;
        page->next = nullptr;
        pool_->return_pages(page);
      }
    };
    for (int i = 0; i < 40; ++i) {
      take_all(random.below(3));
      const std::size_t wire_before = batch_->wire_size();
      bool done = random.below(2) == 0 ? copy(random.below(12'000)) : copy(random.below(60));
      if (!done) {
        ASSERT_EQ(batch_->wire_size(), wire_before);
        ASSERT_EQ(batch_->record_count(), values_.size());
      }
      pool_->return_pages(taken);
      taken = nullptr;
      if (random.below(6) == 0) done = refer(800);
      if (batch_->wire_size() > 200 * kKiB) break;
    }
    ASSERT_TRUE(!values_.empty() || copy(1));
    batch_->seal(kIdentity, 0);
    expect_sound(0);
    ASSERT_FALSE(HasFailure());
    Batch::destroy(batch_, *pool_);
    batch_ = nullptr;
    std::size_t pages = 0;
    take_all(0);
    for (const Page* page = taken; page != nullptr; page = page->next) ++pages;
    ASSERT_EQ(pages, 1 * kMiB / kPageBytes) << "memory leaked";
    pool_->return_pages(taken);
    create();
  }
}

TEST_F(BatchTest, HeldBytesAreTheMemoryItHolds) {
  const std::size_t before = pool_->used();
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(copy(0));  // most of it is completions
  // Pages are taken 32 at a time into a cache.
  EXPECT_NEAR(static_cast<double>(batch_->held_bytes()),
              static_cast<double>(pool_->used() - before + kPageBytes), 64.0 * kPageBytes);
}

}  // namespace
}  // namespace spillway
