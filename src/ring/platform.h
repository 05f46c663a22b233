// What the lock-free code of this room needs from the world. NativePlatform is the real one;
// src/testing has another one with the same names, under which the very same templates run in a
// deterministic scheduler with a weak memory model.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace spillway {

// A value that several threads touch in turn, each handing it over through an atomic. In production
// it is just the value; under the scheduler every access is checked for a data race.
template <class T>
class Plain {
 public:
  T get() const noexcept { return value_; }
  void set(T value) noexcept { value_ = value; }

 private:
  T value_;
};

struct NativePlatform {
  template <class T>
  using Atomic = std::atomic<T>;
  template <class T>
  using Shared = Plain<T>;

  // How often a push looks again at a slot that somebody is still busy with: about 1 µs, far below
  // the cost of a wake. A neighbour that takes longer has been preempted, and spinning would only
  // keep the core from it.
  static constexpr int kAttemptsMax = 64;

  static void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb" ::: "memory");
#endif
  }

  static void prefetch(const void* address) noexcept { __builtin_prefetch(address, 1); }

  // Sleeps while `word` holds `expected`, until wake_all or `deadline` (CLOCK_MONOTONIC;
  // kNever means for ever). False only when the deadline has passed; true may be
  // spurious, so the caller looks again.
  static bool wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                   MonoTime deadline) noexcept;
  static void wake_all(const std::atomic<std::uint32_t>& word) noexcept;
};

}  // namespace spillway
