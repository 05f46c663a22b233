#include "producer/plan.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "producer/bootstrap.h"

namespace spillway {
namespace {

// Options of any legal size; many need more than the budget.
Options random_options(Random& random) {
  Options options;
  options.memory_max = std::size_t{1} << (16 + random.below(14));
  options.memory_max += random.below(options.memory_max);
  options.record_bytes_max = 64 + random.below(std::uint64_t{1} << (6 + random.below(18)));
  options.topics_max = static_cast<std::uint32_t>(1 + random.below(200));
  options.partitions_max =
      static_cast<std::uint32_t>(1 + random.below(std::uint64_t{1} << random.below(14)));
  options.brokers_max = static_cast<std::uint32_t>(1 + random.below(60));
  options.lanes = static_cast<std::uint32_t>(random.below(3) == 0 ? 1 + random.below(32) : 0);
  options.ring_slots = random.below(3) == 0 ? 2U << random.below(16) : 0;
  return options;
}

// The number that the sentence names.
std::size_t smallest_named(const Error& error) {
  const std::string text = error.message();
  const std::string before = "the smallest that works with these options is ";
  const std::size_t at = text.find(before);
  return at == std::string::npos ? 0 : std::stoull(text.substr(at + before.size()));
}

TEST(Plan, TheSumIsNeverAboveTheBudget) {
  Random random(1);
  int accepted = 0;
  for (int i = 0; i < 5'000; ++i) {
    const Options options = random_options(random);
    const auto plan = plan_memory(options);
    if (!plan) continue;
    ++accepted;
    std::size_t sum = 0;
    for (const auto& line : plan.value().fixed) sum += line.bytes;
    const Pool::Config& pool = plan.value().pool;
    EXPECT_EQ(sum, plan.value().fixed_bytes);
    ASSERT_LE(sum + pool.bytes_max, options.memory_max);
    ASSERT_GE(pool.small_bytes_max, plan.value().lanes * kChunkBytes)
        << "each lane can open a chunk";
    ASSERT_LE(pool.small_bytes_max + pool.page_reserve, pool.bytes_max);
    ASSERT_LE(pool.span_bytes_max + pool.page_reserve, pool.bytes_max) << "the largest record fits";
  }
  EXPECT_GT(accepted, 500);
}

TEST(Plan, TheSmallestBudgetNamedWorksAndOneByteLessDoesNot) {
  Random random(2);
  for (int i = 0; i < 2'000; ++i) {
    Options options = random_options(random);
    options.memory_max = random.below(100'000);
    const auto refused = plan_memory(options);
    ASSERT_FALSE(refused);
    ASSERT_EQ(refused.code(), ErrorCode::BudgetTooSmall);
    const std::size_t named = smallest_named(refused.error());
    ASSERT_GT(named, options.memory_max);
    options.memory_max = named;
    ASSERT_TRUE(plan_memory(options)) << named << ": " << plan_memory(options).error().message();
    options.memory_max = named - 1;
    ASSERT_FALSE(plan_memory(options)) << named - 1 << " works too";
  }
}

// Somebody who gives more must not be told that it is too little.
TEST(Plan, EveryLargerBudgetWorksToo) {
  Random random(3);
  for (int i = 0; i < 200; ++i) {
    Options options = random_options(random);
    options.memory_max = 1;
    const std::size_t named = smallest_named(plan_memory(options).error());
    for (std::size_t more = 0; more < 8 * kMiB; more += 1 + random.below(64 * kKiB)) {
      options.memory_max = named + more;
      ASSERT_TRUE(plan_memory(options)) << named << " works, but not " << options.memory_max << ": "
                                        << plan_memory(options).error().message();
    }
  }
}

TEST(Plan, TheTextAddsUpForAPerson) {
  const auto plan = plan_memory(Options{});
  ASSERT_TRUE(plan);
  const std::string text = plan.value().text();
  for (const auto& line : plan.value().fixed)
    EXPECT_NE(text.find(line.holder), std::string::npos) << line.holder;
  EXPECT_NE(text.find(std::to_string(plan.value().fixed_bytes + plan.value().pool.bytes_max)),
            std::string::npos);
}

}  // namespace
}  // namespace spillway
