// The scheduler is a checker, so it is shown the faults that it must find, and correct code that it
// must leave alone.
#include "testing/scheduler.h"

#include <gtest/gtest.h>

#include "testing/scheduled_platform.h"

namespace spillway::testing {
namespace {

template <class T>
using Atomic = ScheduledPlatform::Atomic<T>;
template <class T>
using Shared = ScheduledPlatform::Shared<T>;

constexpr ExploreOptions kFew{.schedules = 5'000 / kSlowdown + 500};

Exploration pass_a_message(std::memory_order publish, std::memory_order look) {
  return explore(
      [=](Scheduler& scheduler) {
        Atomic<int> flag{0};
        Shared<int> message;
        scheduler.thread([&] {
          message.set(7);
          flag.store(1, publish);
        });
        scheduler.thread([&] {
          if (flag.load(look) == 1) scheduler.check(message.get() == 7, "the message is there");
        });
        scheduler.run();
      },
      kFew);
}

TEST(Scheduler, AcceptsAMessagePassedByReleaseAndAcquire) {
  EXPECT_EQ(pass_a_message(std::memory_order_release, std::memory_order_acquire).report(), "");
}

TEST(Scheduler, FindsTheRaceWhenEitherSideIsRelaxed) {
  EXPECT_NE(pass_a_message(std::memory_order_relaxed, std::memory_order_acquire).report(), "");
  EXPECT_NE(pass_a_message(std::memory_order_release, std::memory_order_relaxed).report(), "");
}

// Two threads announce themselves and look for the other: both may miss each other unless all four
// are seq_cst.
Exploration announce_and_look(std::memory_order announce, std::memory_order look) {
  return explore(
      [=](Scheduler& scheduler) {
        Atomic<int> x{0};
        Atomic<int> y{0};
        int seen = 0;
        scheduler.thread([&] {
          x.store(1, announce);
          seen += y.load(look);
        });
        scheduler.thread([&] {
          y.store(1, announce);
          seen += x.load(look);
        });
        scheduler.run();
        scheduler.check(seen != 0, "one sees the other");
      },
      kFew);
}

TEST(Scheduler, LetsAnnouncersMissEachOtherUnlessTheyAreSequentiallyConsistent) {
  EXPECT_EQ(announce_and_look(std::memory_order_seq_cst, std::memory_order_seq_cst).report(), "");
  EXPECT_NE(announce_and_look(std::memory_order_release, std::memory_order_seq_cst).report(), "");
  EXPECT_NE(announce_and_look(std::memory_order_seq_cst, std::memory_order_acquire).report(), "");
}

TEST(Scheduler, NeverLetsAThreadSeeOneAtomicGoBackwards) {
  EXPECT_EQ(explore(
                [](Scheduler& scheduler) {
                  Atomic<int> x{0};
                  scheduler.thread([&] {
                    for (int i = 1; i < 4; ++i) x.store(i, std::memory_order_relaxed);
                  });
                  scheduler.thread([&] {
                    const int first = x.load(std::memory_order_relaxed);
                    scheduler.check(x.load(std::memory_order_relaxed) >= first, "coherence");
                  });
                  scheduler.run();
                },
                kFew)
                .report(),
            "");
}

TEST(Scheduler, PassesAReleaseOnThroughARelaxedIncrement) {
  EXPECT_EQ(explore(
                [](Scheduler& scheduler) {
                  Atomic<int> count{0};
                  Shared<int> message;
                  scheduler.thread([&] {
                    message.set(7);
                    count.store(1, std::memory_order_release);
                  });
                  scheduler.thread([&] { count.fetch_add(2, std::memory_order_relaxed); });
                  scheduler.thread([&] {
                    // 3 is the increment of the released 1, so the message came with it.
                    if (count.load(std::memory_order_acquire) == 3) (void)message.get();
                  });
                  scheduler.run();
                },
                kFew)
                .report(),
            "");
}

TEST(Scheduler, NamesADeadlock) {
  const Exploration result = explore(
      [](Scheduler& scheduler) {
        ScheduledEventFd never;
        scheduler.thread([&] { never.wait(); });
        scheduler.run();
      },
      kFew);
  EXPECT_NE(result.why.find("deadlock"), std::string::npos);
  EXPECT_EQ(result.schedules, 1U);
}

TEST(Scheduler, EndsAThreadThatSpinsForEver) {
  const Exploration result = explore(
      [](Scheduler& scheduler) {
        Atomic<int> never{0};
        scheduler.thread([&] {
          while (never.load() == 0) ScheduledPlatform::pause();
        });
        scheduler.run();
      },
      {.schedules = 1, .steps_max = 1'000});
  EXPECT_NE(result.why.find("step limit"), std::string::npos);
}

void lose_an_update(Scheduler& scheduler) {
  Atomic<int> x{0};
  for (int i = 0; i < 2; ++i) scheduler.thread([&] { x.store(x.load() + 1); });
  scheduler.run();
  scheduler.check(x.load() == 2, "both increments count");
}

TEST(Scheduler, ReplaysAFailureFromItsSeed) {
  const Exploration found = explore(lose_an_update, kFew);
  ASSERT_NE(found.report(), "");
  const Exploration again = explore(lose_an_update, {.schedules = 1, .seed_first = found.seed});
  EXPECT_EQ(again.why, found.why);
  EXPECT_EQ(again.seed, found.seed);
}

TEST(Scheduler, FiresTimersWhenEverybodySleeps) {
  EXPECT_EQ(explore(
                [](Scheduler& scheduler) {
                  ScheduledEventFd never;
                  scheduler.thread([&] { never.wait(true); });
                  scheduler.run();
                },
                kFew)
                .report(),
            "");
}

}  // namespace
}  // namespace spillway::testing
