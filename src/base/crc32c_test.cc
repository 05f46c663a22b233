#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace spillway {
namespace {

std::uint32_t reference(std::uint32_t crc, std::string_view bytes) {
  crc = ~crc;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);
  }
  return ~crc;
}

std::string random_bytes(std::size_t size, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

std::uint32_t crc_of(std::string_view bytes) {
  return crc32c(0, bytes.data(), bytes.size());
}

TEST(Crc32c, AgreesWithThePublishedVectors) {
  EXPECT_EQ(crc_of(""), 0U);
  EXPECT_EQ(crc_of("123456789"), 0xE3069283U);
  // RFC 3720, appendix B.4.
  EXPECT_EQ(crc_of(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc_of(std::string(32, '\xff')), 0x62A8AB43U);
}

TEST(Crc32c, AgreesWithTheBitwiseReferenceAtEveryLengthAndAlignment) {
  const std::string bytes = random_bytes(640, 1);
  for (std::size_t start = 0; start < 9; ++start) {
    for (std::size_t size = 0; size + start <= bytes.size(); ++size) {
      const std::string_view run = std::string_view(bytes).substr(start, size);
      ASSERT_EQ(crc_of(run), reference(0, run)) << "start " << start << " size " << size;
    }
  }
}

TEST(Crc32c, ContinuesFromAnEarlierChecksum) {
  const std::string bytes = random_bytes(1500, 2);
  for (std::size_t cut = 0; cut <= bytes.size(); cut += 13) {
    const std::uint32_t first = crc32c(0, bytes.data(), cut);
    ASSERT_EQ(crc32c(first, bytes.data() + cut, bytes.size() - cut), reference(0, bytes)) << cut;
  }
}

TEST(Crc32c, SeesEveryFlippedBit) {
  std::string bytes = random_bytes(300, 3);
  const std::uint32_t whole = crc_of(bytes);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const auto mask = static_cast<char>(1U << (bit % 8));
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
    ASSERT_NE(crc_of(bytes), whole) << bit;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
  }
}

TEST(Crc32cCombine, GivesTheChecksumOfTheConcatenation) {
  const std::string bytes = random_bytes(70'000, 4);
  for (const std::size_t cut :
       {0UL, 1UL, 40UL, 255UL, 256UL, 4'096UL, 4'464UL, 69'999UL, 70'000UL}) {
    const std::uint32_t a = crc32c(0, bytes.data(), cut);
    const std::uint32_t b = crc32c(0, bytes.data() + cut, bytes.size() - cut);
    EXPECT_EQ(crc32c_combine(a, b, bytes.size() - cut), crc_of(bytes)) << cut;
  }
}

TEST(Crc32cCombine, IsExactAtEverySmallLength) {
  const std::string bytes = random_bytes(1'200, 5);
  const std::uint32_t a = 0x12345678;
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const std::uint32_t b = crc32c(0, bytes.data(), size);
    ASSERT_EQ(crc32c_combine(a, b, size), crc32c(a, bytes.data(), size)) << size;
  }
}

TEST(Crc32cCombine, AssociatesForLengthsNoBufferCouldHold) {
  // A shift over m + n bytes is a shift over m, then over n; crosses 2^31 - 1, where powers of x
  // repeat.
  std::mt19937_64 random(6);
  for (int i = 0; i < 10'000; ++i) {
    const std::size_t m = random() >> (random() % 64);
    const std::size_t n = random() >> (random() % 64);
    if (m + n < m) continue;
    const auto crc = static_cast<std::uint32_t>(random());
    const std::uint32_t twice = crc32c_combine(crc32c_combine(crc, 0, m), 0, n);
    ASSERT_EQ(crc32c_combine(crc, 0, m + n), twice) << m << " + " << n;
  }
}

}  // namespace
}  // namespace spillway
