#include "apps/spillway/units.h"

#include <gtest/gtest.h>

namespace spillway::cli {
namespace {

using std::chrono::milliseconds;

TEST(Units, SizesUsePowersOf1024OnlyWithAnI) {
  EXPECT_EQ(parse_bytes("64MiB"), 64ULL << 20);
  EXPECT_EQ(parse_bytes("64MB"), 64'000'000U);
  EXPECT_EQ(parse_bytes("10GiB"), 10ULL << 30);
  EXPECT_EQ(parse_bytes("1kB"), 1000U);
  EXPECT_EQ(parse_bytes("1KiB"), 1024U);
  EXPECT_EQ(parse_bytes("4096"), 4096U);
  EXPECT_EQ(parse_bytes("0B"), 0U);
}

TEST(Units, WhatIsNotASizeIsRefused) {
  for (const char* text : {"", "MiB", "64M", "64 MiB", "-1MiB", "+1MiB", "1.5GiB", "64mib", "0x10",
                           "64MiBs", "99999999999GiB", "18446744073709551616", " 1"}) {
    EXPECT_FALSE(parse_bytes(text).has_value()) << text;
  }
}

TEST(Units, TheLargestSizeIsTheLargestSigned64BitNumber) {
  EXPECT_EQ(parse_bytes("9223372036854775807"), INT64_MAX);
  EXPECT_FALSE(parse_bytes("9223372036854775808").has_value());
}

TEST(Units, TimesNeedAUnitUnlessZero) {
  EXPECT_EQ(parse_duration("5ms"), milliseconds(5));
  EXPECT_EQ(parse_duration("60s"), milliseconds(60'000));
  EXPECT_EQ(parse_duration("2min"), milliseconds(120'000));
  EXPECT_EQ(parse_duration("1h"), milliseconds(3'600'000));
  EXPECT_EQ(parse_duration("0"), milliseconds(0));
  for (const char* text :
       {"", "5", "ms", "-5ms", "5 ms", "1.5s", "5us", "9000h", "99999999999999999999s"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
}

TEST(Units, NumbersAreWrittenForReading) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(1234567), "1,234,567");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(16ULL << 20), "16.0 MiB");
  EXPECT_EQ(format_bytes(3ULL << 29), "1.50 GiB");
  EXPECT_EQ(format_nanoseconds(940), "940 ns");
  EXPECT_EQ(format_nanoseconds(12'340), "12.3 us");
  EXPECT_EQ(format_nanoseconds(4'000'000), "4.0 ms");
}

}  // namespace
}  // namespace spillway::cli
