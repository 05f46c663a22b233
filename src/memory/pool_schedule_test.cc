// The life of a block under the deterministic scheduler: a lane fills it, two owners read and
// release its records, and whoever ends it hands its bytes to the next life.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>

#include "memory/block_state.h"
#include "testing/scheduled_platform.h"

namespace spillway {
namespace {

using testing::explore;
using testing::ScheduledAtomic;
using testing::ScheduledPlatform;
using testing::ScheduledShared;
using testing::Scheduler;

using State = BlockState<ScheduledAtomic>;

// One block of two records, and the two places where the records are published.
class World {
 public:
  explicit World(Scheduler& scheduler) : scheduler_(scheduler) {}

  // The lane: appends both records, then closes.
  void fill_and_close(std::uint32_t generation, bool close_first) {
    if (close_first) {  // a span: closed before its record is published
      bytes_[0].set(100);
      bytes_[1].set(101);
      end(state.close(generation, 2));
      published_[0].store(1, std::memory_order_release);
      published_[1].store(1, std::memory_order_release);
      return;
    }
    for (std::size_t i = 0; i < 2; ++i) {
      bytes_[i].set(100 + static_cast<int>(i));
      published_[i].store(1, std::memory_order_release);
    }
    end(state.close(generation, 2));
  }

  // The I/O thread or a dropper: waits for its record, reads it, gives it back.
  void take(std::size_t i, std::uint32_t generation) {
    while (published_[i].load(std::memory_order_acquire) == 0) ScheduledPlatform::pause();
    scheduler_.check(bytes_[i].get() == 100 + static_cast<int>(i),
                     "the bytes are those of this life");
    end(state.release(generation, 1));
  }

  // Whoever was told that the block is free writes all over it, as the next life would.
  void end(bool ended) {
    if (!ended) return;
    ++recycled;
    for (auto& each : bytes_) each.set(-1);
    generation_after = state.open();
  }

  State state;
  int recycled = 0;
  std::uint32_t generation_after = 0;

 private:
  Scheduler& scheduler_;
  std::array<ScheduledShared<int>, 2> bytes_;
  std::array<ScheduledAtomic<std::uint32_t>, 2> published_;
};

void expect_one_end(bool close_first) {
  const auto exploration = explore([close_first](Scheduler& scheduler) {
    World world(scheduler);
    const std::uint32_t generation = world.state.open();
    scheduler.thread([&] { world.fill_and_close(generation, close_first); });
    scheduler.thread([&] { world.take(0, generation); });
    scheduler.thread([&] { world.take(1, generation); });
    scheduler.run();
    scheduler.check(world.recycled == 1, "a block is recycled exactly once");
    scheduler.check(world.generation_after == generation + 1, "and lives on under another number");
    scheduler.check(world.state.state() == State::State::Open, "opened by its recycler");
  });
  EXPECT_EQ(exploration.report(), "");
}

TEST(BlockStateSchedule, RecordsThatEndWhileTheLaneAppendsEndTheBlockOnce) {
  expect_one_end(false);
}

TEST(BlockStateSchedule, ASpanIsEndedByItsLastOwner) {
  expect_one_end(true);
}

// Without a scheduler: what an owner of a former life does is noticed always, not by luck.
using RealState = BlockState<>;

TEST(BlockStateDeath, AStaleOwnerIsNoticed) {
  RealState state;
  const std::uint32_t generation = state.open();
  ASSERT_TRUE(state.close(generation, 0));
  EXPECT_DEATH((void)state.release(generation, 1), "stale owner");
  EXPECT_DEATH((void)state.close(generation, 0), "stale owner");
  (void)state.open();
  EXPECT_DEATH((void)state.release(generation, 1), "stale owner");
}

TEST(BlockStateDeath, DoubleReturnsAreNoticed) {
  RealState state;
  const std::uint32_t generation = state.open();
  EXPECT_DEATH((void)state.open(), "handed out again");
  ASSERT_FALSE(state.close(generation, 1));
  EXPECT_DEATH((void)state.close(generation, 1), "closed twice");
  EXPECT_DEATH((void)state.release(generation, 2), "released twice");
}

}  // namespace
}  // namespace spillway
