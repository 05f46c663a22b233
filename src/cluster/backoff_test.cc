#include "cluster/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace spillway {
namespace {

using namespace std::chrono_literals;
constexpr MonoDuration kFirst = 100ms;
constexpr MonoDuration kMax = 1000ms;

TEST(Backoff, DoublesWithinTwentyPercentUpToTheLimit) {
  Random random(5);
  for (std::uint32_t failures = 0; failures < 4; ++failures) {
    const MonoDuration middle = kFirst * (1 << failures);
    MonoDuration least = MonoDuration::max(), most{};
    for (int i = 0; i < 10'000; ++i) {
      const MonoDuration delay = backoff(kFirst, kMax, failures, random);
      least = std::min(least, delay);
      most = std::max(most, delay);
    }
    EXPECT_GE(least, middle * 80 / 100);
    EXPECT_LT(least, middle * 81 / 100) << "the jitter uses its range";
    EXPECT_LE(most, std::min(middle * 120 / 100, kMax));
    EXPECT_GE(most, std::min(middle * 119 / 100, kMax));
  }
}

TEST(Backoff, NeverExceedsTheLimitHoweverManyFailures) {
  Random random(5);
  for (const std::uint32_t failures : {4U, 10U, 62U, 63U, 64U, 1'000'000U, ~0U}) {
    for (int i = 0; i < 100; ++i) {
      const MonoDuration delay = backoff(kFirst, kMax, failures, random);
      EXPECT_LE(delay, kMax) << failures;
      EXPECT_GE(delay, kMax * 80 / 100) << failures;
    }
  }
}

TEST(Backoff, TheSameSeedGivesTheSameDelays) {
  Random one(9), two(9), other(10);
  bool differs = false;
  for (std::uint32_t i = 0; i < 10; ++i) {
    const MonoDuration delay = backoff(kFirst, kMax, i, one);
    EXPECT_EQ(delay, backoff(kFirst, kMax, i, two));
    differs |= delay != backoff(kFirst, kMax, i, other);
  }
  EXPECT_TRUE(differs);
}

TEST(Backoff, ARangeOfNothingOrUpsideDownIsHarmless) {
  Random random(1);
  EXPECT_EQ(backoff(0ms, 0ms, 3, random), 0ms);
  EXPECT_EQ(backoff(0ms, 1s, 70, random), 0ms);
  EXPECT_LE(backoff(5s, 1s, 0, random), 1s);
  EXPECT_LE(backoff(MonoDuration::max(), MonoDuration::max(), 9, random), MonoDuration::max());
}

}  // namespace
}  // namespace spillway
