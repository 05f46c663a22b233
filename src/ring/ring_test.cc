#include "ring/ring.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "ring/event_count.h"
#include "ring/water_level.h"

namespace spillway {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

template <std::size_t kCapacity>
struct Fixture {
  std::array<Ring<>::Slot, kCapacity> slots{};
  Ring<> ring{slots};
};

TEST(Ring, GivesBackWhatWasPushedInOrder) {
  Fixture<8> f;
  for (std::uint64_t i = 0; i < 5; ++i) EXPECT_EQ(f.ring.try_push(i), PushResult::Pushed);
  std::array<std::uint64_t, 64> out{};
  ASSERT_EQ(f.ring.pop_many(out), 5U);
  for (std::uint64_t i = 0; i < 5; ++i) EXPECT_EQ(out[i], i);
}

TEST(Ring, TellsThePositionOfEachPush) {
  Fixture<2> f;
  std::uint64_t position = 99;
  std::uint64_t value = 0;
  for (std::uint64_t i = 0; i < 7; ++i) {
    ASSERT_EQ(f.ring.try_push(i, &position), PushResult::Pushed);
    EXPECT_EQ(position, i);
    ASSERT_TRUE(f.ring.try_take_oldest(value));
  }
}

TEST(Ring, SaysFullWhenEverySlotIsCommittedAndUntaken) {
  Fixture<2> f;
  EXPECT_EQ(f.ring.try_push(1), PushResult::Pushed);
  EXPECT_EQ(f.ring.try_push(2), PushResult::Pushed);
  EXPECT_EQ(f.ring.try_push(3), PushResult::Full);
}

TEST(Ring, DropOldestReturnsTheDroppedRecordToItsOwner) {
  Fixture<2> f;
  f.ring.try_push(1);
  f.ring.try_push(2);
  const Dropped dropped = f.ring.push_drop_oldest(3);
  EXPECT_EQ(dropped.result, PushResult::Pushed);
  EXPECT_TRUE(dropped.dropped);
  EXPECT_EQ(dropped.old_value, 1U);
  EXPECT_EQ(dropped.position, 2U);
  std::array<std::uint64_t, 2> out{};
  ASSERT_EQ(f.ring.pop_many(out), 2U);
  EXPECT_EQ(out[0], 2U);
  EXPECT_EQ(out[1], 3U);
}

TEST(Ring, DropOldestDropsNothingWhileThereIsRoom) {
  Fixture<2> f;
  const Dropped dropped = f.ring.push_drop_oldest(1);
  EXPECT_EQ(dropped.result, PushResult::Pushed);
  EXPECT_FALSE(dropped.dropped);
}

TEST(Ring, TakeOldestGivesTheHeadAndFreesItsSlot) {
  Fixture<2> f;
  f.ring.try_push(1);
  f.ring.try_push(2);
  std::uint64_t value = 0;
  ASSERT_TRUE(f.ring.try_take_oldest(value));
  EXPECT_EQ(value, 1U);
  EXPECT_EQ(f.ring.try_push(3), PushResult::Pushed);
}

TEST(Ring, TakeOldestOfAnEmptyRingIsFalse) {
  Fixture<2> f;
  std::uint64_t value = 0;
  EXPECT_FALSE(f.ring.try_take_oldest(value));
}

TEST(Ring, PopManyTakesNoMoreThanAskedAndNoMoreThanItsLimit) {
  Fixture<128> f;
  for (std::uint64_t i = 0; i < 128; ++i) f.ring.try_push(i);
  std::array<std::uint64_t, 128> out{};
  EXPECT_EQ(f.ring.pop_many(std::span(out).first(3)), 3U);
  EXPECT_EQ(f.ring.pop_many(out), Ring<>::kPopMax);
  EXPECT_EQ(out[0], 3U);
}

TEST(Ring, CountsItsRecordsAndPositions) {
  Fixture<4> f;
  for (std::uint64_t i = 0; i < 6; ++i) f.ring.push_drop_oldest(i);
  EXPECT_EQ(f.ring.size_approximate(), 4U);
  EXPECT_EQ(f.ring.head_position(), 2U);
  EXPECT_EQ(f.ring.tail_position(), 6U);
  EXPECT_EQ(f.ring.capacity(), 4U);
}

TEST(Ring, IsReadyExactlyWhenItsHeadIsPublished) {
  Fixture<2> f;
  EXPECT_FALSE(f.ring.ready());
  f.ring.try_push(1);
  EXPECT_TRUE(f.ring.ready());
  EXPECT_TRUE(f.ring.published(0));
  EXPECT_FALSE(f.ring.published(1));
  std::uint64_t value = 0;
  f.ring.try_take_oldest(value);
  EXPECT_FALSE(f.ring.ready());
  EXPECT_TRUE(f.ring.published(0));
}

TEST(Ring, MakesItsSlotsInRawMemory) {
  alignas(Ring<>::Slot) std::array<std::byte, 4 * sizeof(Ring<>::Slot)> memory{};
  Ring<> ring(Ring<>::slots_in(memory));
  EXPECT_EQ(ring.capacity(), 4U);
  EXPECT_EQ(ring.try_push(1), PushResult::Pushed);
}

TEST(RingDeathTest, RefusesACapacityOfOneAndAnOddOne) {
  std::vector<Ring<>::Slot> one(1);
  std::vector<Ring<>::Slot> three(3);
  EXPECT_DEATH(Ring<>{std::span(one)}, "committed from free");
  EXPECT_DEATH(Ring<>{std::span(three)}, "mask");
}

TEST(EventCount, WaitEndsAtItsDeadline) {
  EventCount<> event;
  const auto start = Clock::now();
  EXPECT_FALSE(event.wait(event.prepare_wait(), start + milliseconds(20)));
  EXPECT_GE(Clock::now() - start, milliseconds(20));
}

TEST(EventCount, ADeadlineInThePastDoesNotBlock) {
  EventCount<> event;
  EXPECT_FALSE(event.wait(event.prepare_wait(), Clock::time_point{} - milliseconds(1)));
}

TEST(EventCount, ANotifyAfterTheTicketIsNeverMissed) {
  EventCount<> event;
  const auto ticket = event.prepare_wait();
  event.notify_all();
  EXPECT_TRUE(event.wait(ticket, Clock::time_point::max()));
}

TEST(EventCount, ANotifyBeforeTheTicketDoesNotWake) {
  EventCount<> event;
  event.notify_all();
  EXPECT_FALSE(event.wait(event.prepare_wait(), Clock::now() + milliseconds(5)));
}

TEST(SleepWord, NobodyWakesAThreadThatIsAwake) {
  SleepWord<> sleep;
  EXPECT_FALSE(sleep.should_wake(7));
}

TEST(SleepWord, ExactlyOneCallerWakesAnIdleThread) {
  SleepWord<> sleep;
  sleep.prepare_sleep(SleepWord<>::State::Idle, 0);
  EXPECT_TRUE(sleep.should_wake(0));
  EXPECT_FALSE(sleep.should_wake(1));
  EXPECT_TRUE(sleep.woke());
}

TEST(SleepWord, ADrowsyThreadIsWokenOnlyOnceTheRingReachesItsPosition) {
  SleepWord<> sleep;
  sleep.prepare_sleep(SleepWord<>::State::Drowsy, 10);
  EXPECT_FALSE(sleep.should_wake(9));
  EXPECT_EQ(sleep.state(), SleepWord<>::State::Drowsy);
  EXPECT_TRUE(sleep.should_wake(10));
  EXPECT_EQ(sleep.state(), SleepWord<>::State::Awake);
}

TEST(SleepWord, ACancelledSleepWakesNobody) {
  SleepWord<> sleep;
  sleep.prepare_sleep(SleepWord<>::State::Idle, 0);
  EXPECT_FALSE(sleep.cancel());
  EXPECT_FALSE(sleep.should_wake(0));
}

void expect_change(std::optional<LevelChange> change, Level from, Level to) {
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->from, from);
  EXPECT_EQ(change->to, to);
}

TEST(WaterLevel, RisesAtEachThresholdAndTellsItOnce) {
  WaterLevel<> water;
  EXPECT_FALSE(water.update(199));
  expect_change(water.update(200), Level::Calm, Level::Low);
  EXPECT_FALSE(water.update(599));
  expect_change(water.update(600), Level::Low, Level::Mid);
  expect_change(water.update(900), Level::Mid, Level::High);
  EXPECT_FALSE(water.update(1000));
}

TEST(WaterLevel, JumpsOverLevelsInOneChange) {
  WaterLevel<> water;
  expect_change(water.update(950), Level::Calm, Level::High);
  expect_change(water.update(0), Level::High, Level::Calm);
}

TEST(WaterLevel, FallsOnlyPastTheHysteresis) {
  WaterLevel<> water;
  water.update(900);
  EXPECT_FALSE(water.update(899));
  EXPECT_FALSE(water.update(850));
  expect_change(water.update(849), Level::High, Level::Mid);
  EXPECT_FALSE(water.update(550));
  expect_change(water.update(549), Level::Mid, Level::Low);
}

TEST(WaterLevel, ATremblingFillMakesOneEvent) {
  WaterLevel<> water;
  int changes = 0;
  for (int i = 0; i < 100; ++i) changes += water.update(i % 2 == 0 ? 605 : 595) ? 1 : 0;
  EXPECT_EQ(changes, 1);
}

}  // namespace
}  // namespace spillway
