#include "producer/lanes.h"

#include <gtest/gtest.h>

#include <thread>

namespace spillway {
namespace {

class LanesTest : public ::testing::Test {
 protected:
  std::optional<Room> reserve(Lanes& lanes, std::size_t bytes, ChunkUse use = ChunkUse::Small) {
    Lane* lane = lanes.acquire();
    auto room = lanes.reserve(*lane, bytes, use);
    Lanes::release(*lane);
    return room;
  }
  Pool pool_{{2 * kMiB, 512 * kKiB, 256 * kKiB, 256 * kKiB}};
};

TEST_F(LanesTest, RoomsNeverOverlapAndAreAligned) {
  Lanes lanes(1, pool_);
  const std::byte* end = nullptr;
  for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 7, 8, 100, 5'000}) {
    const auto room = reserve(lanes, size);
    ASSERT_TRUE(room);
    const auto* begin = reinterpret_cast<const std::byte*>(room->header);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(begin) % alignof(RecordHeader), 0u);
    EXPECT_GE(begin, end);
    end = begin + sizeof(RecordHeader) + size;
    EXPECT_EQ(pool_.address(room->descriptor.block) + room->descriptor.offset, begin);
    const Descriptor again = Descriptor::unpack(room->descriptor.pack());
    EXPECT_EQ(again.block, room->descriptor.block);
    EXPECT_EQ(again.offset, room->descriptor.offset);
    lanes.give_back(*room);
  }
  lanes.close_all();
  EXPECT_EQ(pool_.used(), 0u);
}

TEST_F(LanesTest, SmallAndLargeRecordsLieInDifferentBlocks) {
  Lanes lanes(1, pool_);
  const auto small = reserve(lanes, 100, ChunkUse::Small);
  const auto large = reserve(lanes, 1'000, ChunkUse::Large);
  const auto span = reserve(lanes, 100'000, ChunkUse::Large);
  ASSERT_TRUE(small && large && span);
  EXPECT_NE(small->descriptor.block, large->descriptor.block);
  EXPECT_NE(large->descriptor.block, span->descriptor.block);
  const std::size_t before = pool_.used();
  lanes.give_back(*span);
  EXPECT_LT(pool_.used(), before) << "a span comes free with its only record";
  lanes.give_back(*small);
  lanes.give_back(*large);
  lanes.close_all();
  EXPECT_EQ(pool_.used(), 0u);
}

TEST_F(LanesTest, AFullPoolSaysSoAndLosesNothing) {
  Lanes lanes(1, pool_);
  std::vector<Room> rooms;
  while (const auto room = reserve(lanes, 10'000)) rooms.push_back(*room);
  EXPECT_GT(rooms.size(), 20u);
  EXPECT_FALSE(reserve(lanes, 200'000, ChunkUse::Large) && pool_.used() > pool_.bytes_max());
  for (const Room& room : rooms) lanes.give_back(room);
  ASSERT_TRUE(reserve(lanes, 10'000).has_value());
}

TEST_F(LanesTest, AHeldLaneSendsOthersToTheNextAndAllHeldIsSaid) {
  Lanes lanes(2, pool_);
  Lane* first = lanes.acquire();
  Lane* second = lanes.acquire();
  ASSERT_NE(first, nullptr);
  ASSERT_NE(second, nullptr);
  EXPECT_NE(first, second);
  EXPECT_EQ(lanes.acquire(), nullptr);
  Lanes::release(*first);
  EXPECT_EQ(lanes.acquire(), first);
}

TEST_F(LanesTest, CloseAllWaitsForWhoeverHoldsALane) {
  Lanes lanes(2, pool_);
  Lane* held = lanes.acquire();
  std::atomic<bool> closed{false};
  std::thread closer([&] {
    lanes.close_all();
    closed = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(closed.load());
  Lanes::release(*held);
  closer.join();
}

}  // namespace
}  // namespace spillway
