// The platform of src/ring (and of every other template over a Platform) inside the deterministic
// scheduler.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/clock.h"
#include "testing/scheduler.h"

namespace spillway::testing {

// As std::atomic<T>: every operation is a scheduling point, and a load returns any value that C++
// would allow.
template <class T>
class ScheduledAtomic {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t),
                "an entry of the memory model is one 64-bit word");

 public:
  ScheduledAtomic() : ScheduledAtomic(T{}) {}
  ScheduledAtomic(T value)  // implicit, as std::atomic's
      : location_(Scheduler::current().memory().add_location(word(value))) {}
  ScheduledAtomic(const ScheduledAtomic&) = delete;
  ScheduledAtomic& operator=(const ScheduledAtomic&) = delete;

  T load(std::memory_order order = std::memory_order_seq_cst) const {
    Scheduler& scheduler = arrive();
    MemoryModel& memory = scheduler.memory();
    const std::size_t count = memory.readable(scheduler.thread_id(), location_, order);
    return value(memory.load(scheduler.thread_id(), location_, order, scheduler.stale_age(count)));
  }

  void store(T desired, std::memory_order order = std::memory_order_seq_cst) {
    Scheduler& scheduler = arrive();
    scheduler.memory().store(scheduler.thread_id(), location_, order, word(desired));
  }

  T exchange(T desired, std::memory_order order = std::memory_order_seq_cst) {
    return modify(order, [&](T) { return desired; });
  }
  T fetch_add(T operand, std::memory_order order = std::memory_order_seq_cst) {
    return modify(order, [&](T old) { return static_cast<T>(old + operand); });
  }
  T fetch_sub(T operand, std::memory_order order = std::memory_order_seq_cst) {
    return modify(order, [&](T old) { return static_cast<T>(old - operand); });
  }
  T fetch_or(T operand, std::memory_order order = std::memory_order_seq_cst) {
    return modify(order, [&](T old) { return static_cast<T>(old | operand); });
  }
  T fetch_and(T operand, std::memory_order order = std::memory_order_seq_cst) {
    return modify(order, [&](T old) { return static_cast<T>(old & operand); });
  }

  bool compare_exchange_strong(T& expected, T desired, std::memory_order success,
                               std::memory_order failure) {
    Scheduler& scheduler = arrive();
    MemoryModel& memory = scheduler.memory();
    const std::uint64_t newest = memory.newest(location_);
    if (newest == word(expected)) {
      memory.read_modify_write(scheduler.thread_id(), location_, success, word(desired));
      return true;
    }
    expected = value(memory.load(scheduler.thread_id(), location_, failure, 0));
    return false;
  }
  bool compare_exchange_strong(T& expected, T desired,
                               std::memory_order order = std::memory_order_seq_cst) {
    return compare_exchange_strong(expected, desired, order, failure_order(order));
  }
  // One in sixteen fails for no reason, as a load-linked/store-conditional machine may.
  bool compare_exchange_weak(T& expected, T desired, std::memory_order success,
                             std::memory_order failure) {
    Scheduler& scheduler = Scheduler::current();
    if (scheduler.thread_id() != 0 && scheduler.random(16) == 0) {
      expected = load(failure);
      return false;
    }
    return compare_exchange_strong(expected, desired, success, failure);
  }
  bool compare_exchange_weak(T& expected, T desired,
                             std::memory_order order = std::memory_order_seq_cst) {
    return compare_exchange_weak(expected, desired, order, failure_order(order));
  }

  // What the kernel compares: the true value, whatever a thread has seen. Not a scheduling point.
  T newest() const { return value(Scheduler::current().memory().newest(location_)); }

 private:
  static std::uint64_t word(T from) {
    std::uint64_t to = 0;
    std::memcpy(&to, &from, sizeof(T));
    return to;
  }
  static T value(std::uint64_t from) {
    T to;
    std::memcpy(&to, &from, sizeof(T));
    return to;
  }
  static std::memory_order failure_order(std::memory_order order) {
    if (order == std::memory_order_acq_rel) return std::memory_order_acquire;
    if (order == std::memory_order_release) return std::memory_order_relaxed;
    return order;
  }
  static Scheduler& arrive() {
    Scheduler& scheduler = Scheduler::current();
    scheduler.step();
    return scheduler;
  }
  template <class Change>
  T modify(std::memory_order order, Change change) {
    Scheduler& scheduler = arrive();
    const T old = newest();
    scheduler.memory().read_modify_write(scheduler.thread_id(), location_, order,
                                         word(change(old)));
    return old;
  }

  const LocationId location_;
};

// A plain value with a race detector.
template <class T>
class ScheduledShared {
 public:
  T get() const {
    Scheduler& scheduler = Scheduler::current();
    scheduler.check(scheduler.memory().read_plain(scheduler.thread_id(), cell_),
                    "data race: a value is read that another thread may be writing");
    return value_;
  }
  void set(T value) {
    Scheduler& scheduler = Scheduler::current();
    scheduler.check(scheduler.memory().write_plain(scheduler.thread_id(), cell_),
                    "data race: a value is written that another thread may be using");
    value_ = value;
  }

 private:
  mutable RaceCell cell_;
  T value_{};
};

struct ScheduledPlatform {
  template <class T>
  using Atomic = ScheduledAtomic<T>;
  template <class T>
  using Shared = ScheduledShared<T>;

  static constexpr int kAttemptsMax = 4;  // enough to loop, few enough that Busy is common

  static void pause() { Scheduler::current().pause(); }
  static void prefetch(const void*) {}

  static bool wait(const Atomic<std::uint32_t>& word, std::uint32_t expected, MonoTime deadline) {
    Scheduler& scheduler = Scheduler::current();
    scheduler.step();
    if (word.newest() != expected)
      return true;  // compared and put to sleep in one step, as the kernel does
    return scheduler.park(&word, deadline != kNever);
  }
  static void wake_all(const Atomic<std::uint32_t>& word) {
    Scheduler& scheduler = Scheduler::current();
    scheduler.step();
    scheduler.unpark_all(&word);
  }
};

// An eventfd with a sleeper in epoll. It orders nothing between the threads but the wake itself.
class ScheduledEventFd {
 public:
  void write() {
    Scheduler& scheduler = Scheduler::current();
    scheduler.step();
    signalled_ = true;
    scheduler.unpark_all(this);
  }
  // Sleeps until a write since the last wait, or, if allowed, until the timer of the sleeper fires.
  void wait(bool timer = false) {
    Scheduler& scheduler = Scheduler::current();
    scheduler.step();
    while (!signalled_) {
      if (!scheduler.park(this, timer)) break;
    }
    signalled_ = false;
  }

 private:
  bool signalled_ = false;
};

}  // namespace spillway::testing
