#include "wire/varint.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <vector>

#include "wire/reader.h"

namespace spillway::wire {
namespace {

// Every power of two and its neighbours: all size boundaries are among them.
std::vector<std::int64_t> edges() {
  std::vector<std::int64_t> values{0, std::numeric_limits<std::int64_t>::min()};
  for (int bit = 0; bit < 63; ++bit) {
    const std::int64_t power = std::int64_t{1} << bit;
    for (const std::int64_t value : {power - 1, power, power + 1}) {
      values.push_back(value);
      values.push_back(-value);
    }
  }
  values.push_back(std::numeric_limits<std::int64_t>::max());
  return values;
}

std::span<const std::byte> up_to(const std::array<std::byte, 16>& buffer, const std::byte* end) {
  return {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
}

TEST(Varint, LongsComeBackFromAsManyBytesAsAnnounced) {
  for (const std::int64_t value : edges()) {
    std::array<std::byte, 16> buffer{};
    const auto bytes = up_to(buffer, write_varlong(buffer.data(), value));
    EXPECT_EQ(bytes.size(), varlong_size(value)) << value;
    Reader in(bytes);
    EXPECT_EQ(in.varlong(), value);
    EXPECT_TRUE(in.finish()) << value;
  }
}

TEST(Varint, IntegersComeBackFromAsManyBytesAsAnnounced) {
  for (const std::int64_t wide : edges()) {
    const auto value = static_cast<std::int32_t>(wide);
    std::array<std::byte, 16> buffer{};
    const auto bytes = up_to(buffer, write_varint(buffer.data(), value));
    EXPECT_EQ(bytes.size(), varint_size(value)) << value;
    Reader in(bytes);
    EXPECT_EQ(in.varint(), value);
    EXPECT_TRUE(in.finish()) << value;
  }
}

TEST(Varint, ZigzagPutsSmallMagnitudesFirst) {
  EXPECT_EQ(zigzag(std::int32_t{0}), 0U);
  EXPECT_EQ(zigzag(std::int32_t{-1}), 1U);
  EXPECT_EQ(zigzag(std::int32_t{1}), 2U);
  EXPECT_EQ(zigzag(std::numeric_limits<std::int32_t>::min()), 0xffffffffU);
  EXPECT_EQ(unzigzag(0xffffffffU), std::numeric_limits<std::int32_t>::min());
}

TEST(Varint, MoreBitsThanTheTypeHasAreAnError) {
  const std::array<std::byte, 5> five{std::byte{0xff}, std::byte{0xff}, std::byte{0xff},
                                      std::byte{0xff}, std::byte{0x1f}};
  Reader in(five);
  EXPECT_EQ(in.unsigned_varint(), 0U);
  EXPECT_FALSE(in.ok());

  std::array<std::byte, 11> eleven;
  eleven.fill(std::byte{0x80});
  Reader longer(eleven);
  EXPECT_EQ(longer.unsigned_varlong(), 0U);
  EXPECT_FALSE(longer.ok());
}

TEST(Varint, AnUnfinishedOneIsAnError) {
  const std::array<std::byte, 2> open{std::byte{0x80}, std::byte{0x80}};
  Reader in(open);
  EXPECT_EQ(in.unsigned_varint(), 0U);
  EXPECT_STREQ(in.error().what, "the message ends before its fields do");
}

}  // namespace
}  // namespace spillway::wire
