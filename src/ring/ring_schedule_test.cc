// The ring and those who sleep beside it under the deterministic scheduler:
// the production templates, every interleaving and every stale value that C++ allows, as far as the
// seeds reach. Small on purpose: two slots, two or three producers, one to three records each
// already reach wrap, full, steal and takers in flight.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>

#include "ring/event_count.h"
#include "ring/ring.h"
#include "testing/scheduled_platform.h"

namespace spillway {
namespace {

using testing::explore;
using testing::ScheduledEventFd;
using testing::ScheduledPlatform;
using testing::Scheduler;

using TestRing = Ring<ScheduledPlatform>;
using Events = EventCount<ScheduledPlatform>;
using Sleep = SleepWord<ScheduledPlatform>;

// A ring of two slots, the records that go through it, and what became of each.
class World {
 public:
  static constexpr std::size_t kRecordsMax = 16;

  World(Scheduler& scheduler, std::size_t producers, std::size_t records_each)
      : scheduler_(scheduler), records_each_(records_each), total_(producers * records_each) {}

  // Producer: its next record, its bytes written just before.
  std::uint64_t fill(std::size_t producer, std::size_t k) {
    const std::uint64_t id = producer * records_each_ + k;
    bytes_[id].set(1000 + id);
    return id;
  }

  // Whoever takes a record owns it: reads its bytes, ends its life, exactly once.
  void end(std::uint64_t id) {
    scheduler_.check(id < total_, "a record nobody has pushed");
    scheduler_.check(bytes_[id].get() == 1000 + id, "the bytes of the record are those written");
    scheduler_.check(!ended_[id], "a record ended twice");
    ended_[id] = true;
    ++ended_count_;
  }

  // One consumer sees each producer's records in the order they were pushed.
  void deliver(std::uint64_t id) {
    end(id);
    const std::size_t producer = id / records_each_;
    const std::size_t k = id % records_each_ + 1;
    scheduler_.check(k > delivered_[producer], "records of one producer arrive in order");
    delivered_[producer] = k;
  }

  std::size_t pop_some() {
    std::array<std::uint64_t, 2> out{};
    const std::size_t count = ring.pop_many(out);
    for (std::size_t i = 0; i < count; ++i) deliver(out[i]);
    return count;
  }

  // Room has come: tell the callers who wait for it.
  std::size_t pop_some_and_tell() {
    const std::size_t count = pop_some();
    if (count != 0) room.notify_all();
    return count;
  }

  // The I/O thread's turn when it finds nothing: announce, look again, sleep.
  void sleep_idle() {
    sleep.prepare_sleep(Sleep::State::Idle, 0);
    if (!ring.ready()) eventfd.wait();
    sleep.woke();
  }

  void wake_if_asleep(std::uint64_t position) {
    if (sleep.should_wake(position)) eventfd.write();
  }

  void push_blocking(std::uint64_t id) {
    std::uint64_t position = 0;
    for (;;) {
      PushResult result = ring.try_push(id, &position);
      if (result == PushResult::Full) {
        const Events::Ticket ticket = room.prepare_wait();
        result = ring.try_push(id, &position);
        if (result == PushResult::Full) {
          (void)room.wait(ticket, kNever);
          continue;
        }
      }
      if (result == PushResult::Pushed) return wake_if_asleep(position);
      ScheduledPlatform::pause();
    }
  }

  void push_dropping(std::uint64_t id) {
    for (;;) {
      const Dropped dropped = ring.push_drop_oldest(id);
      scheduler_.check(dropped.result != PushResult::Full, "DropOldest is never full");
      if (dropped.dropped) end(dropped.old_value);
      if (dropped.result == PushResult::Pushed) return wake_if_asleep(dropped.position);
      ScheduledPlatform::pause();
    }
  }

  void check_everything_ended() {
    scheduler_.check(ended_count_ == total_, "pushed = popped + dropped + refused");
    scheduler_.check(ring.head_position() == ring.tail_position(), "the ring is empty at the end");
  }

  bool all_ended() const { return ended_count_ == total_; }

  std::array<TestRing::Slot, 2> slots{};
  TestRing ring{slots};
  Events room;
  Sleep sleep;
  ScheduledEventFd eventfd;
  ScheduledPlatform::Atomic<std::uint32_t> producers_done{0};

 private:
  Scheduler& scheduler_;
  const std::size_t records_each_;
  const std::size_t total_;
  std::array<ScheduledPlatform::Shared<std::uint64_t>, kRecordsMax> bytes_;
  std::array<bool, kRecordsMax> ended_{};
  std::array<std::size_t, 4> delivered_{};
  std::size_t ended_count_ = 0;
};

void expect_always(const testing::Scenario& scenario) {
  EXPECT_EQ(explore(scenario).report(), "");
}

struct Shape {
  std::size_t producers;
  std::size_t records_each;
};

class RingSchedule : public ::testing::TestWithParam<Shape> {};
INSTANTIATE_TEST_SUITE_P(, RingSchedule,
                         ::testing::Values(Shape{1, 3}, Shape{2, 2}, Shape{2, 3}, Shape{3, 2}));

// The consumer sleeps whenever it finds nothing and the producers whenever it is full; nobody else
// ever wakes anybody.
TEST_P(RingSchedule, BlockLosesNeitherARecordNorAWake) {
  const Shape shape = GetParam();
  expect_always([&](Scheduler& scheduler) {
    World world(scheduler, shape.producers, shape.records_each);
    for (std::size_t p = 0; p < shape.producers; ++p) {
      scheduler.thread([&, p] {
        for (std::size_t k = 0; k < shape.records_each; ++k) {
          world.push_blocking(world.fill(p, k));
        }
      });
    }
    scheduler.thread([&] {
      while (!world.all_ended()) {
        if (world.pop_some_and_tell() == 0) world.sleep_idle();
      }
    });
    scheduler.run();
    world.check_everything_ended();
  });
}

// Shutdown: the last producer says so and rings the bell whatever the sleep word says; the consumer
// drains, then leaves.
TEST_P(RingSchedule, DropOldestEndsEveryRecordExactlyOnce) {
  const Shape shape = GetParam();
  expect_always([&](Scheduler& scheduler) {
    World world(scheduler, shape.producers, shape.records_each);
    for (std::size_t p = 0; p < shape.producers; ++p) {
      scheduler.thread([&, p] {
        for (std::size_t k = 0; k < shape.records_each; ++k) {
          world.push_dropping(world.fill(p, k));
        }
        world.producers_done.fetch_add(1, std::memory_order_seq_cst);
        world.eventfd.write();
      });
    }
    scheduler.thread([&] {
      for (;;) {
        const bool closing =
            world.producers_done.load(std::memory_order_seq_cst) == shape.producers;
        if (world.pop_some() != 0) continue;
        if (closing) break;
        world.sleep_idle();
      }
    });
    scheduler.run();
    world.check_everything_ended();
  });
}

TEST_P(RingSchedule, FailFastAccountsForEveryRefusal) {
  const Shape shape = GetParam();
  expect_always([&](Scheduler& scheduler) {
    World world(scheduler, shape.producers, shape.records_each);
    for (std::size_t p = 0; p < shape.producers; ++p) {
      scheduler.thread([&, p] {
        for (std::size_t k = 0; k < shape.records_each; ++k) {
          const std::uint64_t id = world.fill(p, k);
          if (world.ring.try_push(id) != PushResult::Pushed) world.end(id);
        }
      });
    }
    scheduler.thread([&] {
      for (int turn = 0; turn < 4; ++turn) world.pop_some();
    });
    scheduler.run();
    while (world.pop_some() != 0) continue;
    world.check_everything_ended();
  });
}

// A caller without memory takes the oldest record while producers drop and the I/O thread pops:
// three kinds of takers at once.
TEST(RingScheduleOnce, TakersOfAllKindsNeverShareARecord) {
  expect_always([](Scheduler& scheduler) {
    World world(scheduler, 2, 2);
    for (std::size_t p = 0; p < 2; ++p) {
      scheduler.thread([&, p] {
        for (std::size_t k = 0; k < 2; ++k) world.push_dropping(world.fill(p, k));
      });
    }
    scheduler.thread([&] {
      std::uint64_t id = 0;
      for (int turn = 0; turn < 2; ++turn) {
        if (world.ring.try_take_oldest(id)) world.end(id);
      }
    });
    scheduler.thread([&] {
      for (int turn = 0; turn < 3; ++turn) world.pop_some();
    });
    scheduler.run();
    while (world.pop_some() != 0) continue;
    world.check_everything_ended();
  });
}

// Two records, two free slots: neither a lost CAS nor a stale position may look like a full ring.
TEST(RingScheduleOnce, IsNeverFullOrBusyWhileThereIsRoomForAll) {
  expect_always([](Scheduler& scheduler) {
    World world(scheduler, 2, 1);
    for (int lap = 0; lap < 3; ++lap) {  // laps behind us, so that stale values exist
      std::uint64_t value = 0;
      world.ring.try_push(0);
      world.ring.try_take_oldest(value);
    }
    for (std::size_t p = 0; p < 2; ++p) {
      scheduler.thread([&, p] {
        scheduler.check(world.ring.try_push(world.fill(p, 0)) == PushResult::Pushed,
                        "there was room");
      });
    }
    scheduler.run();
    world.pop_some();
    world.check_everything_ended();
  });
}

// Full is a promise: at that instant every slot held a record that nobody had begun to take.
TEST(RingScheduleOnce, IsNotCalledFullOnceARecordHasBeenTaken) {
  expect_always([](Scheduler& scheduler) {
    World world(scheduler, 3, 1);
    world.ring.try_push(world.fill(0, 0));
    world.ring.try_push(world.fill(1, 0));
    ScheduledPlatform::Atomic<std::uint32_t> taken{0};
    scheduler.thread([&] {
      world.pop_some();
      taken.store(1, std::memory_order_seq_cst);
    });
    scheduler.thread([&] {
      const bool was_taken = taken.load(std::memory_order_seq_cst) == 1;
      const PushResult result = world.ring.try_push(world.fill(2, 0));
      scheduler.check(!was_taken || result != PushResult::Full, "told full after a take");
      if (result != PushResult::Pushed) world.end(2);
    });
    scheduler.run();
    world.pop_some();
    world.check_everything_ended();
  });
}

// A drowsy thread without a timer: only the caller who reaches its position can wake it.
TEST(SleepWordSchedule, ADrowsyThreadIsWokenWhenTheRingReachesItsPosition) {
  expect_always([](Scheduler& scheduler) {
    World world(scheduler, 2, 1);
    int wakes = 0;
    for (std::size_t p = 0; p < 2; ++p) {
      scheduler.thread([&, p] {
        std::uint64_t position = 0;
        scheduler.check(world.ring.try_push(world.fill(p, 0), &position) == PushResult::Pushed,
                        "two records, two slots");
        if (!world.sleep.should_wake(position)) return;
        scheduler.check(position == 1, "not woken below its position");
        ++wakes;
        world.eventfd.write();
      });
    }
    scheduler.thread([&] {
      world.sleep.prepare_sleep(Sleep::State::Drowsy, 1);
      if (!world.ring.published(1)) world.eventfd.wait();
      world.sleep.woke();
    });
    scheduler.run();
    scheduler.check(wakes <= 1, "one caller wakes");
    world.pop_some();
    world.check_everything_ended();
  });
}

}  // namespace
}  // namespace spillway
