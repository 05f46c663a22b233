#include "testing/scheduler.h"

#include <cstdlib>
#include <utility>

#include "base/check.h"

namespace spillway::testing {
namespace {

thread_local Scheduler* current_scheduler = nullptr;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

Scheduler::Scheduler() {
  threads_[0].fiber = std::make_unique<Fiber>();
}

Scheduler& Scheduler::current() {
  SPILL_CHECK(current_scheduler != nullptr, "scheduled atomics live inside explore() only");
  return *current_scheduler;
}

void Scheduler::begin(std::uint64_t seed, std::uint64_t steps_max) {
  static constexpr std::array<std::uint64_t, 4> kPreemptOdds{2, 4, 8, 16};
  static constexpr std::array<std::uint64_t, 4> kPreemptions{1, 2, 4, UINT64_MAX};
  static constexpr std::array<std::uint64_t, 3> kStaleOdds{0, 2, 4};
  for (Thread& thread : threads_) {
    thread.state = State::Unused;
    thread.body = nullptr;
  }
  threads_used_ = 1;
  running_ = 0;
  failure_ = nullptr;
  memory_.reset();
  steps_left_ = steps_max;
  random_state_ = seed * 0x9E3779B97F4A7C15U;
  preempt_odds_ = kPreemptOdds[random(kPreemptOdds.size())];
  preemptions_left_ = kPreemptions[random(kPreemptions.size())];
  stale_odds_ = kStaleOdds[random(kStaleOdds.size())];
  timer_odds_ = random(2) == 0 ? 0 : 16;
}

// splitmix64
std::uint64_t Scheduler::random(std::uint64_t bound) {
  std::uint64_t z = (random_state_ += 0x9E3779B97F4A7C15U);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return (z ^ (z >> 31)) % bound;
}

void Scheduler::thread(std::function<void()> body) {
  SPILL_CHECK(running_ == 0 && threads_used_ < kThreadsMax, "threads are added by the scenario");
  Thread& thread = threads_[threads_used_];
  // Fibers serve schedule after schedule; one whose schedule failed is stuck inside it and is
  // replaced.
  if (!thread.fiber) thread.fiber = std::make_unique<Fiber>(&Scheduler::run_bodies, this);
  thread.body = std::move(body);
  thread.state = State::Ready;
  memory_.fork(0, static_cast<ThreadId>(threads_used_++));
}

void Scheduler::run_bodies(void* scheduler) {
  auto* const self = static_cast<Scheduler*>(scheduler);
  for (;;) {
    Thread& thread = self->threads_[self->running_];
    thread.body();
    thread.state = State::Done;
    self->go_on();
  }
}

void Scheduler::run() {
  const ThreadId first = pick_next();
  if (first != 0) switch_to(first);
  if (failure_ != nullptr) {
    for (std::size_t i = 1; i < threads_used_; ++i) threads_[i].fiber.reset();
    throw ScheduleFailed(failure_);
  }
  for (std::size_t i = 1; i < threads_used_; ++i) memory_.join(0, static_cast<ThreadId>(i));
  threads_used_ = 1;
}

void Scheduler::check(bool condition, const char* why) {
  if (!condition) fail(why);
}

void Scheduler::fail(const char* why) {
  if (running_ == 0) throw ScheduleFailed(why);
  failure_ = why;
  leave_for_good();
}

void Scheduler::leave_for_good() {
  switch_to(0);
  SPILL_CHECK(false, "a failed schedule went on");
  std::abort();
}

void Scheduler::step() {
  if (running_ == 0) return;  // the scenario sets up and looks on, alone
  if (steps_left_-- == 0) fail("no end within the step limit: somebody spins or starves");
  if (timer_odds_ != 0 && random(timer_odds_) == 0) fire_a_timer();
  if (preemptions_left_ == 0 || random(preempt_odds_) != 0) return;
  if (preemptions_left_ != UINT64_MAX) --preemptions_left_;
  go_on();
}

void Scheduler::pause() {
  if (running_ == 0) return;
  if (steps_left_-- == 0) fail("no end within the step limit: somebody spins or starves");
  go_on();
}

bool Scheduler::park(const void* key, bool timer) {
  SPILL_CHECK(running_ != 0, "the scenario must not sleep");
  Thread& thread = threads_[running_];
  thread.state = State::Parked;
  thread.key = key;
  thread.timer = timer;
  thread.timed_out = false;
  go_on();
  return !thread.timed_out;
}

void Scheduler::unpark_all(const void* key) {
  for (std::size_t i = 1; i < threads_used_; ++i) {
    if (threads_[i].state == State::Parked && threads_[i].key == key) {
      threads_[i].state = State::Ready;
    }
  }
}

bool Scheduler::fire_a_timer() {
  const std::size_t start = random(threads_used_);
  for (std::size_t n = 0; n < threads_used_; ++n) {
    Thread& thread = threads_[(start + n) % threads_used_];
    if (thread.state == State::Parked && thread.timer) {
      thread.state = State::Ready;
      thread.timed_out = true;
      return true;
    }
  }
  return false;
}

void Scheduler::go_on() {
  const ThreadId next = pick_next();
  if (next != running_) switch_to(next);
}

// A ready thread other than the running one if there is any; 0 (the scenario) when all are done or
// the schedule has failed.
ThreadId Scheduler::pick_next() {
  for (;;) {
    std::array<ThreadId, kThreadsMax> ready{};
    std::size_t count = 0;
    bool asleep = false;
    for (std::size_t i = 1; i < threads_used_; ++i) {
      asleep = asleep || threads_[i].state == State::Parked;
      if (threads_[i].state == State::Ready && i != running_) {
        ready[count++] = static_cast<ThreadId>(i);
      }
    }
    if (count != 0) return ready[random(count)];
    if (threads_[running_].state == State::Ready) return running_;
    if (!asleep) return 0;
    if (!fire_a_timer()) {
      failure_ = "deadlock: everybody sleeps and nobody will wake them (a lost wake)";
      return 0;
    }
  }
}

void Scheduler::switch_to(ThreadId next) {
  const ThreadId from = std::exchange(running_, next);
  Fiber::switch_to(*threads_[from].fiber, *threads_[next].fiber);
}

std::size_t Scheduler::stale_age(std::size_t count) {
  if (running_ == 0 || stale_odds_ == 0 || count == 1 || random(stale_odds_) != 0) return 0;
  return random(count);
}

ExploreOptions ExploreOptions::from_environment() {
  ExploreOptions options;
  options.schedules = testing::from_environment("SPILLWAY_SCHEDULES", options.schedules);
  options.seed_first = testing::from_environment("SPILLWAY_SEED_FIRST", options.seed_first);
  const std::uint64_t seed = testing::from_environment("SPILLWAY_SEED", 0);
  if (seed != 0) {
    options.seed_first = seed;
    options.schedules = 1;
  }
  return options;
}

std::string Exploration::report() const {
  if (why.empty()) return "";
  return why + " (schedule " + std::to_string(schedules) +
         "; replay it with SPILLWAY_SEED=" + std::to_string(seed) + ")";
}

class Explorer {
 public:
  static Exploration explore(const Scenario& scenario, const ExploreOptions& options) {
    Scheduler scheduler;
    Exploration result;
    Scheduler* const outer = std::exchange(current_scheduler, &scheduler);
    while (result.schedules < options.schedules && result.why.empty()) {
      result.seed = options.seed_first + result.schedules++;
      scheduler.begin(result.seed, options.steps_max);
      try {
        scenario(scheduler);
      } catch (const ScheduleFailed& failure) {
        result.why = failure.what();
      }
    }
    current_scheduler = outer;
    return result;
  }
};

Exploration explore(const Scenario& scenario, ExploreOptions options) {
  return Explorer::explore(scenario, options);
}

}  // namespace spillway::testing
