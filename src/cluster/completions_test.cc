#include "cluster/completions.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "base/random.h"

namespace spillway {
namespace {

void callback_a(void*, const Delivery&) noexcept {}
void callback_b(void*, const Delivery&) noexcept {}
constexpr DeliveryCallback kCallbacks[] = {nullptr, callback_a, callback_b};

class CompletionsTest : public ::testing::Test {
 protected:
  // As many pages as are asked for, no more.
  explicit CompletionsTest(std::size_t pages = 256)
      : pool_(std::make_unique<Pool>(Pool::Config{pages * kPageBytes, 0, 0, kPageBytes})) {}

  static void* context(std::uint64_t number) { return reinterpret_cast<void*>(number * 8); }

  bool append(DeliveryCallback callback, void* with) {
    if (!completions_.append({callback, with}, *pool_)) return false;
    expected_.push_back({callback, with});
    return true;
  }

  void expect_what_was_appended() {
    std::size_t at = 0;
    completions_.for_each(*pool_, [&](DeliveryCallback callback, void* with, std::uint32_t index,
                                      std::uint32_t records) {
      ASSERT_EQ(index, at);
      ASSERT_GT(records, 0u);
      for (std::uint32_t i = 0; i < records; ++i, ++at) {
        ASSERT_LT(at, expected_.size());
        ASSERT_EQ(callback, expected_[at].callback) << at;
        ASSERT_EQ(with, expected_[at].context) << at;
      }
    });
    EXPECT_EQ(at, expected_.size());
  }

  std::unique_ptr<Pool> pool_;
  Completions completions_;
  std::vector<Completion> expected_;
};

TEST_F(CompletionsTest, NothingWasAppended) {
  expect_what_was_appended();
  EXPECT_EQ(completions_.take_pages(), nullptr);
}

TEST_F(CompletionsTest, EqualCompletionsCostNothing) {
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(append(callback_a, context(1)));
  expect_what_was_appended();
  EXPECT_EQ(completions_.pages(), nullptr);
}

TEST_F(CompletionsTest, DistinctContextsCostAWordEach) {
  for (std::uint64_t i = 0; i < 10'000; ++i) ASSERT_TRUE(append(callback_a, context(i)));
  expect_what_was_appended();
  std::size_t pages = 0;
  Page* chain = completions_.take_pages();
  for (const Page* page = chain; page != nullptr; page = page->next) ++pages;
  EXPECT_LE(pages, 10'000 * 8 / kPageBytes + 2);
  pool_->return_pages(chain);
}

// Every pattern of three kinds of completions, long enough to cross the words inside the object.
TEST_F(CompletionsTest, EveryShortPatternOfRuns) {
  constexpr int kKinds = 4;
  const Completion kinds[kKinds] = {{callback_a, context(1)},
                                    {callback_a, context(2)},
                                    {callback_b, context(1)},
                                    {nullptr, nullptr}};
  for (int pattern = 0; pattern < kKinds * kKinds * kKinds * kKinds * kKinds * kKinds; ++pattern) {
    completions_ = Completions{};
    expected_.clear();
    for (int rest = pattern, i = 0; i < 6; ++i, rest /= kKinds)
      ASSERT_TRUE(append(kinds[rest % kKinds].callback, kinds[rest % kKinds].context));
    expect_what_was_appended();
    pool_->return_pages(completions_.take_pages());
    if (HasFailure()) FAIL() << "pattern " << pattern;
  }
}

TEST_F(CompletionsTest, EveryPositionOfAPagesEnd) {
  for (std::uint64_t shift = 0; shift < 8; ++shift) {
    completions_ = Completions{};
    expected_.clear();
    for (std::uint64_t i = 0; i < shift; ++i) ASSERT_TRUE(append(callback_a, context(i)));
    for (std::uint64_t i = 0; i < 1'500; ++i)
      ASSERT_TRUE(append(i % 2 == 0 ? callback_a : callback_b, context(i / 3)));
    expect_what_was_appended();
    pool_->return_pages(completions_.take_pages());
  }
}

TEST_F(CompletionsTest, RandomRuns) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    completions_ = Completions{};
    expected_.clear();
    for (int i = 0; i < 60; ++i) {
      const DeliveryCallback callback = kCallbacks[random.below(3)];
      const bool same = random.below(2) == 0;
      for (std::uint64_t k = 1 + random.below(random.below(5) == 0 ? 900 : 6); k > 0; --k)
        ASSERT_TRUE(append(callback, context(same ? 1 : k)));
    }
    expect_what_was_appended();
    pool_->return_pages(completions_.take_pages());
    ASSERT_FALSE(HasFailure());
  }
}

class CompletionsInASmallPool : public CompletionsTest {
 protected:
  CompletionsInASmallPool() : CompletionsTest(2) {}
};

TEST_F(CompletionsInASmallPool, WithoutAPageNothingChangesAndLaterItGoesOn) {
  Page* taken[] = {pool_->take_page(), pool_->take_page()};
  ASSERT_NE(taken[1], nullptr);
  std::uint64_t i = 0;
  while (append(i % 2 == 0 ? callback_a : callback_b, context(i))) ++i;
  ASSERT_LE(i, 2u);
  expect_what_was_appended();
  EXPECT_FALSE(append(callback_b, context(77)));
  expect_what_was_appended();
  pool_->return_pages(taken[0]);
  for (; append(i % 2 == 0 ? callback_a : callback_b, context(i)); ++i) {
  }
  expect_what_was_appended();
  pool_->return_pages(taken[1]);
  ASSERT_TRUE(append(callback_a, context(1)));
  expect_what_was_appended();
  pool_->return_pages(completions_.take_pages());
  EXPECT_TRUE(pool_->take_page() != nullptr && pool_->take_page() != nullptr) << "a page leaked";
}

}  // namespace
}  // namespace spillway
