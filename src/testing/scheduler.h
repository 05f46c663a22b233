// A deterministic scheduler: threads are fibers, every atomic operation is a point where another
// may go on, and one number, the seed, decides everything. A scenario is run again and again with
// new seeds until one breaks it; that seed replays it exactly.
//
//   TEST(Queue, NeverLosesAnItem) {
//     EXPECT_EQ(explore([](Scheduler& scheduler) {
//       Queue<ScheduledPlatform> queue;  // the state lives here, made anew for every schedule
//       scheduler.thread([&] { queue.push(1); });
//       scheduler.thread([&] { scheduler.check(queue.pop() == 1, "popped what was pushed"); });
//       scheduler.run();                 // returns when both are done
//     }).report(), "");
//   }
//
// A thread's body must not hold what only its destructor frees (a vector, a lock): a failed
// schedule abandons the stacks.
//
// Environment
//   SPILLWAY_SCHEDULES    how many schedules a scenario
//   SPILLWAY_SEED         replay this one seed only
//   SPILLWAY_SEED_FIRST   where the seeds begin; 1 by default, so a plain run never varies
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "testing/fiber.h"
#include "testing/memory_model.h"
#include "testing/sanitizers.h"

namespace spillway::testing {

class Scheduler {
 public:
  Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // The scheduler of the schedule that is running on this thread of the process.
  static Scheduler& current();

  // Scenario only, before run(): at most kThreadsMax - 1.
  void thread(std::function<void()> body);
  // Scenario only: runs all threads to their end. Throws ScheduleFailed on a failed check, a data
  // race, a deadlock, or too many steps. Afterwards the scenario has seen everything the threads
  // did.
  void run();

  // Scenario or thread: a failed check ends the schedule.
  void check(bool condition, const char* why);

  // Thread: another thread may go on here.
  void step();
  // Thread: it cannot get further by itself, so another one goes on if there is any.
  void pause();
  // Thread: sleeps until unpark_all(key). With a timer it may also wake by itself, and then the
  // answer is false.
  bool park(const void* key, bool timer);
  void unpark_all(const void* key);

  // 0 .. bound-1, from the seed.
  std::uint64_t random(std::uint64_t bound);

  ThreadId thread_id() const { return running_; }
  MemoryModel& memory() { return memory_; }
  // Which of `count` readable entries a load returns, as its age: 0 is the newest.
  std::size_t stale_age(std::size_t count);

 private:
  friend class Explorer;
  enum class State : std::uint8_t { Unused, Ready, Parked, Done };

  struct Thread {
    std::unique_ptr<Fiber> fiber;
    std::function<void()> body;
    State state = State::Unused;
    const void* key = nullptr;
    bool timer = false;
    bool timed_out = false;
  };

  void begin(std::uint64_t seed, std::uint64_t steps_max);
  static void run_bodies(void* scheduler);
  void go_on();
  ThreadId pick_next();
  bool fire_a_timer();
  void switch_to(ThreadId next);
  void fail(const char* why);
  [[noreturn]] void leave_for_good();

  std::array<Thread, kThreadsMax> threads_;  // [0] is the scenario, on the stack of the caller
  std::size_t threads_used_ = 1;
  ThreadId running_ = 0;
  const char* failure_ = nullptr;
  std::uint64_t random_state_ = 0;
  std::uint64_t steps_left_ = 0;
  // The temper of this schedule, drawn from the seed: preempt at one in so many steps, at most so
  // often, stale values so often.
  std::uint64_t preempt_odds_ = 2;
  std::uint64_t preemptions_left_ = 0;
  std::uint64_t stale_odds_ = 0;  // 0: never
  std::uint64_t timer_odds_ = 0;  // 0: timers fire only when everybody sleeps
  MemoryModel memory_;
};

// Thrown from run() or from a check in the scenario; explore() catches it.
struct ScheduleFailed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

using Scenario = std::function<void(Scheduler&)>;

struct ExploreOptions {
  std::uint64_t schedules = 50'000 / kSlowdown;
  std::uint64_t seed_first = 1;
  std::uint64_t steps_max = 20'000;  // one schedule; more means that it does not end

  static ExploreOptions from_environment();
};

struct Exploration {
  std::uint64_t schedules = 0;
  std::uint64_t seed = 0;  // of the failure
  std::string why;         // empty if every schedule passed

  // Empty, or a sentence with the seed and how to replay it.
  std::string report() const;
};

Exploration explore(const Scenario& scenario,
                    ExploreOptions options = ExploreOptions::from_environment());

}  // namespace spillway::testing
