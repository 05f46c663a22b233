// The event count, the sleep word and the water level by themselves under the deterministic
// scheduler. Together with the ring: ring_schedule_test.cc.
#include "ring/event_count.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

#include "ring/water_level.h"
#include "testing/scheduled_platform.h"

namespace spillway {
namespace {

using testing::explore;
using testing::ScheduledPlatform;
using testing::Scheduler;

using Events = EventCount<ScheduledPlatform>;
using Sleep = SleepWord<ScheduledPlatform>;

void expect_always(const testing::Scenario& scenario) {
  EXPECT_EQ(explore(scenario).report(), "");
}

TEST(SleepWordSchedule, EachSleepHasAtMostOneWaker) {
  expect_always([](Scheduler& scheduler) {
    Sleep sleep;
    int wakes = 0;
    sleep.prepare_sleep(Sleep::State::Idle, 0);
    for (int i = 0; i < 3; ++i) {
      scheduler.thread([&] { wakes += sleep.should_wake(0) ? 1 : 0; });
    }
    scheduler.run();
    scheduler.check(wakes == 1, "exactly one caller wakes");
    scheduler.check(sleep.woke(), "and the sleeper knows that a write is coming");
  });
}

TEST(EventCountSchedule, OneNotifyWakesAllWaitersAndHappensBeforeTheirReturn) {
  expect_always([](Scheduler& scheduler) {
    Events events;
    ScheduledPlatform::Atomic<std::uint32_t> ready{0};
    ScheduledPlatform::Shared<int> payload;
    for (int i = 0; i < 2; ++i) {
      scheduler.thread([&] {
        const Events::Ticket ticket = events.prepare_wait();
        if (ready.load(std::memory_order_seq_cst) != 0) return;
        scheduler.check(events.wait(ticket, kNever), "without a deadline, a notify ends it");
        scheduler.check(payload.get() == 7, "what was written before notify is seen");
      });
    }
    scheduler.thread([&] {
      payload.set(7);
      ready.store(1, std::memory_order_seq_cst);
      events.notify_all();
    });
    scheduler.run();
  });
}

TEST(EventCountSchedule, TwoNotifiersTogetherLeaveNobodyAsleep) {
  expect_always([](Scheduler& scheduler) {
    Events events;
    ScheduledPlatform::Atomic<std::uint32_t> changes{0};
    for (int i = 0; i < 2; ++i) {
      scheduler.thread([&] {
        for (;;) {
          const Events::Ticket ticket = events.prepare_wait();
          if (changes.load(std::memory_order_seq_cst) == 2) return;
          (void)events.wait(ticket, kNever);
        }
      });
      scheduler.thread([&] {
        changes.fetch_add(1, std::memory_order_seq_cst);
        events.notify_all();
      });
    }
    scheduler.run();
  });
}

TEST(EventCountSchedule, ADeadlineEndsAWaitThatNobodyNotifies) {
  expect_always([](Scheduler& scheduler) {
    Events events;
    bool woken = true;
    scheduler.thread([&] { woken = events.wait(events.prepare_wait(), MonoTime{}); });
    scheduler.run();
    scheduler.check(!woken, "the deadline is told");
  });
}

TEST(WaterLevelSchedule, EachCrossingIsToldOnceAndTheChangesFormAChain) {
  expect_always([](Scheduler& scheduler) {
    WaterLevel<ScheduledPlatform> water;
    std::array<int, 4> entered{};  // how often each level was entered minus left
    const auto cross = [&](std::uint32_t permille) {
      if (const auto change = water.update(permille)) {
        --entered[static_cast<std::size_t>(change->from)];
        ++entered[static_cast<std::size_t>(change->to)];
      }
    };
    scheduler.thread([&] { cross(950), cross(100); });
    scheduler.thread([&] { cross(650), cross(950); });
    scheduler.thread([&] { cross(250), cross(50); });
    scheduler.run();
    std::array<int, 4> expected{-1, 0, 0, 0};
    ++expected[static_cast<std::size_t>(water.level())];
    scheduler.check(entered == expected, "the changes lead from Calm to the present level");
  });
}

}  // namespace
}  // namespace spillway
