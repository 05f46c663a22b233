#include "apps/spillway/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <random>
#include <vector>

namespace spillway::cli {
namespace {

TEST(Histogram, WithoutValuesEverythingIsZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.percentile(0.5), 0U);
  EXPECT_EQ(histogram.max(), 0U);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 60; ++value) histogram.record(value);
  EXPECT_EQ(histogram.percentile(0.5), 30U);
  EXPECT_EQ(histogram.percentile(1.0), 60U);
}

TEST(Histogram, TheMaximumIsExactAndNoPercentileExceedsIt) {
  Histogram histogram;
  histogram.record(1'000'003);
  EXPECT_EQ(histogram.max(), 1'000'003U);
  EXPECT_EQ(histogram.percentile(0.999), 1'000'003U);
}

TEST(Histogram, TheLargestValueHasABucket) {
  Histogram histogram;
  histogram.record(UINT64_MAX);
  EXPECT_EQ(histogram.percentile(0.5), UINT64_MAX);
}

TEST(Histogram, PercentilesAreWithinTwoPercentOfASortedList) {
  const auto seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  Histogram left;
  Histogram right;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t value = random() >> (20 + random() % 40);
    values.push_back(value);
    (i % 2 == 0 ? left : right).record(value);
  }
  left.add(right);
  std::sort(values.begin(), values.end());
  for (const double fraction : {0.5, 0.9, 0.99, 0.999}) {
    const auto rank = static_cast<std::size_t>(fraction * 100'000 + 0.999999) - 1;
    const auto exact = static_cast<double>(values[rank]);
    const auto told = static_cast<double>(left.percentile(fraction));
    EXPECT_GE(told, exact) << fraction;
    EXPECT_LE(told, exact * 1.02 + 1) << fraction;
  }
  EXPECT_EQ(left.count(), 100'000U);
}

}  // namespace
}  // namespace spillway::cli
