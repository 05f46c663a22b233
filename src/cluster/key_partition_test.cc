#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <string_view>

#include "cluster/crc32_partition.h"
#include "cluster/murmur2.h"

namespace spillway {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::int32_t java_hash(std::string_view key) {
  return static_cast<std::int32_t>(murmur2(bytes_of(key)));
}

// The values that the Java client's own tests pin down.
TEST(Murmur2, AgreesWithTheJavaClient) {
  EXPECT_EQ(java_hash("21"), -973932308);
  EXPECT_EQ(java_hash("foobar"), -790332482);
  EXPECT_EQ(java_hash("a-little-bit-long-string"), -985981536);
  EXPECT_EQ(java_hash("a-little-bit-longer-string"), -1486304829);
  EXPECT_EQ(java_hash("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971);
  EXPECT_EQ(java_hash("abc"), 479470107);
}

// Between them, tails of 0, 1, 2 and 3 bytes are covered: "foobar" has 2, "abc" 3, 24 bytes 0.
TEST(Murmur2, ATailOfOneByteAndBytesAbove127AreUnsigned) {
  EXPECT_NE(java_hash("\xff"), java_hash("\x7f"));
  EXPECT_NE(java_hash(std::string_view("a\0", 2)), java_hash("a"));
}

TEST(Murmur2, APartitionIsTheHashWithoutItsSign) {
  const std::int32_t positive = -973932308 & 0x7fffffff;
  for (const std::int32_t partitions : {1, 2, 7, 1000, std::numeric_limits<std::int32_t>::max()}) {
    EXPECT_EQ(kafka_partition_for_key(bytes_of("21"), partitions), positive % partitions);
  }
}

TEST(Murmur2, AnEmptyKeyHasAPartition) {
  EXPECT_GE(kafka_partition_for_key({}, 12), 0);
  EXPECT_LT(kafka_partition_for_key({}, 12), 12);
}

TEST(Crc32Partition, IsTheIeeeChecksumModuloThePartitions) {
  // The check value of CRC-32: 0xCBF43926.
  EXPECT_EQ(crc32_partition_for_key(bytes_of("123456789"), 1000), 0xCBF43926U % 1000);
  // Above 2^31: an implementation with signed arithmetic would be negative or differ.
  EXPECT_EQ(crc32_partition_for_key(bytes_of("123456789"), 7), 0xCBF43926U % 7);
}

TEST(Crc32Partition, AgreesWithABitwiseChecksumAtEveryLength) {
  std::string key;
  for (int length = 1; length <= 300; ++length) {
    key.push_back(static_cast<char>(length * 37));
    std::uint32_t crc = ~0U;
    for (const char byte : key) {
      crc ^= static_cast<unsigned char>(byte);
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320U : 0U);
    }
    EXPECT_EQ(crc32_partition_for_key(bytes_of(key), 1'000'003), ~crc % 1'000'003) << length;
  }
}

}  // namespace
}  // namespace spillway
