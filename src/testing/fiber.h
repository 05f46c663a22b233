// A thread of the deterministic scheduler: its own stack, switched by hand, so that one core runs
// millions of schedules.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <memory>

namespace spillway::testing {

// Thread: all fibers that switch to each other live on one thread. Not movable: its context points
// into itself.
class Fiber {
 public:
  static constexpr std::size_t kStackBytes = std::size_t{128} << 10;

  Fiber();  // the calling thread's own stack
  // Runs entry(argument) at the first switch to it. `entry` must never return: it switches away for
  // good.
  Fiber(void (*entry)(void*), void* argument);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Leaves `from`, which must be the running fiber, and goes on where `to` was left. Returns when
  // somebody switches back.
  static void switch_to(Fiber& from, Fiber& to);

 private:
  static void enter(unsigned low, unsigned high);
  void arrived();

  ucontext_t context_{};
  std::unique_ptr<std::byte[]> stack_;
  void (*entry_)(void*) = nullptr;
  void* argument_ = nullptr;
  // What the sanitizers want to know about a stack that is not the thread's.
  [[maybe_unused]] const void* stack_bottom_ = nullptr;
  [[maybe_unused]] std::size_t stack_bytes_ = 0;
  [[maybe_unused]] Fiber* came_from_ = nullptr;
  [[maybe_unused]] void* fake_stack_ = nullptr;
  [[maybe_unused]] void* tsan_fiber_ = nullptr;
};

}  // namespace spillway::testing
