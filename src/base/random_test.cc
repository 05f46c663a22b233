#include "base/random.h"

#include <gtest/gtest.h>

#include <array>

namespace spillway {
namespace {

TEST(Random, AgreesWithThePublishedSequenceOfSplitMix64) {
  Random random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317U);
  EXPECT_EQ(random.next(), 3203168211198807973U);
  EXPECT_EQ(random.next(), 9817491932198370423U);
}

TEST(Random, BelowIsUniformAndNeverReachesItsBound) {
  Random random(7);
  std::array<int, 6> hits{};
  for (int i = 0; i < 60'000; ++i) ++hits.at(random.below(hits.size()));
  for (const int count : hits) EXPECT_NEAR(count, 10'000, 500);  // 5 sigma
}

TEST(Random, BelowHandlesTheEndsOfItsRange) {
  Random random(7);
  EXPECT_EQ(random.below(0), 0U);
  EXPECT_EQ(random.below(1), 0U);
  bool upper_half = false;
  for (int i = 0; i < 64; ++i) upper_half |= random.below(~std::uint64_t{0}) >> 63 != 0;
  EXPECT_TRUE(upper_half);
}

}  // namespace
}  // namespace spillway
