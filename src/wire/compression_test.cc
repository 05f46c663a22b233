#include "wire/compression.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/random.h"
#include "testing/sanitizers.h"

namespace spillway::wire {
namespace {

constexpr std::size_t kInputMax = 1'000'000;

std::vector<std::byte> text(std::size_t size, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::byte> out(size);
  std::size_t at = 0;
  while (at < size) {
    const std::string word = "field" + std::to_string(random.below(500)) + "=value; ";
    const std::size_t part = std::min(word.size(), size - at);
    std::transform(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(part), &out[at],
                   [](char c) { return static_cast<std::byte>(c); });
    at += part;
  }
  return out;
}

std::vector<std::byte> noise(std::size_t size, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::byte> out(size);
  for (std::byte& each : out) each = static_cast<std::byte>(random.below(256));
  return out;
}

std::vector<std::byte> packed(Compressor& compressor, std::span<const std::byte> in) {
  std::vector<std::byte> out(packed_size_max(in.size()));
  out.resize(compressor.pack(in, out));
  return out;
}

std::string name_of(const ::testing::TestParamInfo<Compression>& test) {
  const std::array names{"none", "gzip", "snappy", "lz4", "zstd"};
  return names[static_cast<std::size_t>(test.param.codec)] +
         (test.param.level < 0 ? std::string() : std::to_string(test.param.level));
}

class EachCodec : public ::testing::TestWithParam<Compression> {};
INSTANTIATE_TEST_SUITE_P(Compression, EachCodec,
                         ::testing::Values(Compression{Codec::Gzip}, Compression{Codec::Gzip, 1},
                                           Compression{Codec::Gzip, 12}, Compression{Codec::Snappy},
                                           Compression{Codec::Lz4}, Compression{Codec::Lz4, 9},
                                           Compression{Codec::Zstd}, Compression{Codec::Zstd, 1},
                                           Compression{Codec::Zstd, 19}),
                         name_of);

TEST_P(EachCodec, GivesBackWhatItTook) {
  const auto compressor = Compressor::create(GetParam(), kInputMax);
  ASSERT_NE(compressor, nullptr);
  for (const std::size_t size : {std::size_t{1}, std::size_t{100}, std::size_t{65'536},
                                 std::size_t{65'537}, std::size_t{400'000}, kInputMax}) {
    for (const auto& in : {text(size, size), noise(size, size)}) {
      const auto small = packed(*compressor, in);
      ASSERT_FALSE(small.empty()) << size;
      std::vector<std::byte> out(size);
      ASSERT_EQ(unpack(GetParam().codec, small, out), size);
      EXPECT_EQ(out, in);
    }
  }
}

TEST_P(EachCodec, MakesTextSmaller) {
  const auto compressor = Compressor::create(GetParam(), kInputMax);
  EXPECT_LT(packed(*compressor, text(100'000, 1)).size(), 40'000u);
}

TEST_P(EachCodec, RefusesWhatDoesNotFitOrIsDamaged) {
  const auto compressor = Compressor::create(GetParam(), kInputMax);
  const auto in = text(50'000, 2);
  const auto small = packed(*compressor, in);
  std::vector<std::byte> out(in.size());
  EXPECT_EQ(unpack(GetParam().codec, small, std::span(out).first(in.size() - 1)), 0u);
  EXPECT_EQ(unpack(GetParam().codec, std::span(small).first(small.size() / 2), out), 0u);
  EXPECT_EQ(unpack(GetParam().codec, {}, out), 0u);
  EXPECT_EQ(unpack(GetParam().codec, noise(1'000, 3), out), 0u);
}

// Every cut and every flipped byte: an error or some other bytes, never a step outside (ASan).
TEST_P(EachCodec, SurvivesAnyDamage) {
  const auto compressor = Compressor::create(GetParam(), kInputMax);
  const auto small = packed(*compressor, text(700, 4));
  std::vector<std::byte> out(700);
  for (std::size_t i = 0; i < small.size(); ++i) {
    auto damaged = small;
    damaged[i] ^= std::byte{0x55};
    EXPECT_LE(unpack(GetParam().codec, damaged, out), out.size());
    EXPECT_EQ(unpack(GetParam().codec, std::span(small).first(i), out), 0u);
  }
}

#if !defined(SPILL_ASAN) && !defined(SPILL_TSAN)  // they replace malloc
std::size_t heap_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

TEST_P(EachCodec, HoldsNoMoreThanThePlanSays) {
  const auto in = text(kInputMax, 5);
  std::vector<std::byte> out(packed_size_max(in.size()));
  const std::size_t before = heap_bytes();
  const auto compressor = Compressor::create(GetParam(), kInputMax);
  const std::size_t planned = Compressor::memory_bytes(GetParam(), kInputMax);
  (void)compressor->pack(in, out);
  const std::size_t held = heap_bytes() - before;
  EXPECT_LE(held, planned + 1'024);  // the object and malloc's heads
  if (GetParam().codec != Codec::Snappy) {
    EXPECT_GE(held, planned / 4) << "the plan is far off";
  }
}
#endif

TEST(Compression, ChecksTheLevel) {
  EXPECT_TRUE(check_compression({Codec::Zstd, 22}));
  EXPECT_TRUE(check_compression({Codec::None}));
  const auto refused = check_compression({Codec::Lz4, 13});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "InvalidOption: the level of lz4 is 1 to 12, not 13");
  EXPECT_FALSE(check_compression({Codec::Snappy, 3}));
  EXPECT_FALSE(check_compression({Codec::Gzip, 0}));
}

}  // namespace
}  // namespace spillway::wire
