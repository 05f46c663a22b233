// Sleeping without losing a wake, on two sides of the ring: callers who wait for room, and the I/O
// thread that waits for work.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/cache_line.h"
#include "base/check.h"
#include "base/clock.h"
#include "ring/platform.h"

namespace spillway {

// Callers park here until something changes, with a deadline. Use, in this order:
//
//   waiter                                         changer
//   ticket = prepare_wait()                        change the state (seq_cst)
//   look at the state again (seq_cst load)         notify_all()
//   if still bad: wait(ticket, deadline); repeat
//
// For the ring "the state" is its head, and try_push returning Full is the look: park on Full only;
// after Busy yield and retry.
//
//   word   | epoch : 31 | waiters : 1 |   a notify adds 1 to a word whose bit is set, which clears
//                                         the bit and carries into the epoch
//
// | atomic | operation                  | order        | what breaks if weaker               |
// |--------|----------------------------|--------------|-------------------------------------|
// | word_  | waiter sets the bit        | seq_cst RMW  | waiter and notifier miss each other |
// | word_  | notifier looks for the bit | seq_cst load | the same                            |
// | word_  | notifier bumps the epoch   | release CAS  | a woken waiter does not see what    |
// | word_  | waiter looks again         | acquire load | was written before the notify       |
//
// A waiter would miss its notify only if exactly 2^31 of them fell between its ticket and its
// sleep.
template <class Platform = NativePlatform>
class EventCount {
 public:
  enum class Ticket : std::uint32_t {};

  // Announces a waiter. Nothing to undo if the caller then finds that it need not wait: the next
  // notify is not free, that is all.
  [[nodiscard]] Ticket prepare_wait() noexcept {
    return Ticket{word_.fetch_or(kWaiters, std::memory_order_seq_cst) | kWaiters};
  }

  // Blocks until a notify_all later than the ticket (true), which then happens-before the return,
  // or the deadline (false). The deadline is on CLOCK_MONOTONIC; kNever waits for ever.
  [[nodiscard]] bool wait(Ticket ticket, MonoTime deadline) noexcept {
    const auto expected = static_cast<std::uint32_t>(ticket);
    while (word_.load(std::memory_order_acquire) == expected) {
      if (!Platform::wait(word_, expected, deadline)) return false;
    }
    return true;
  }

  // Any thread. One load when nobody waits; otherwise wakes them all (about 1 µs for the caller,
  // 22-27 µs until they run).
  void notify_all() noexcept {
    std::uint32_t word = word_.load(std::memory_order_seq_cst);
    if ((word & kWaiters) == 0) return;
    // Losing the race means that another notify has just woken everybody this one owes a wake to.
    if (word_.compare_exchange_strong(word, word + 1, std::memory_order_release,
                                      std::memory_order_relaxed)) {
      Platform::wake_all(word_);
    }
  }

 private:
  static constexpr std::uint32_t kWaiters = 1;

  alignas(kCacheLinePair) typename Platform::template Atomic<std::uint32_t> word_{0};
};

// The sleep of the I/O thread, who sleeps in epoll and is woken through an eventfd that the caller
// of should_wake writes.
//
//   I/O thread                                     caller
//   prepare_sleep(state, wake_position)            position = publish in the ring (seq_cst)
//   ring.ready() (Idle), or                        if (should_wake(position)) write the eventfd
//   ring.published(wake_position) (Drowsy)
//   yes: cancel()   no: sleep in epoll, woke()
//
//   word   | wake_position : 62 | state : 2 |
//
// | atomic | operation                     | order         | what breaks if weaker           |
// |--------|-------------------------------|---------------|---------------------------------|
// | word_  | the I/O thread announces      | seq_cst store | publisher and sleeper miss each |
// | word_  | a publisher looks             | seq_cst load  | other                           |
// | word_  | caller claims the wake: CAS   | relaxed       | - (the RMW decides who wins)    |
// | word_  | I/O thread wakes: exchange    | relaxed       | - (the same)                    |
template <class Platform = NativePlatform>
class SleepWord {
 public:
  enum class State : std::uint8_t {
    Awake,
    Drowsy,  // wakes by its own timer; callers wake it only once the ring has reached wake_position
    Idle,    // any publish wakes it
  };

  // Any thread, after it has published at `position`. True for exactly one caller per sleep: that
  // one writes the eventfd. Cost: one load of a line that changes only when the I/O thread sleeps
  // or wakes.
  [[nodiscard]] bool should_wake(std::uint64_t position) noexcept {
    std::uint64_t word = word_.load(std::memory_order_seq_cst);
    while (wants_wake(word, position)) {
      if (word_.compare_exchange_strong(word, kAwake, std::memory_order_relaxed,
                                        std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }

  // I/O thread. `wake_position` counts for Drowsy only.
  void prepare_sleep(State state, std::uint64_t wake_position) noexcept {
    SPILL_CHECK(state != State::Awake, "a sleeper says how deeply it sleeps");
    const std::uint64_t position = state == State::Drowsy ? wake_position : 0;
    word_.store((position << kStateBits) | static_cast<std::uint64_t>(state),
                std::memory_order_seq_cst);
  }

  // I/O thread, instead of the sleep, or after it. True if a caller has claimed the wake: its
  // eventfd write has happened or will, so the eventfd must still be drained.
  bool cancel() noexcept { return word_.exchange(kAwake, std::memory_order_relaxed) == kAwake; }
  bool woke() noexcept { return cancel(); }

  // Any thread; a hint.
  State state() const noexcept { return state_of(word_.load(std::memory_order_relaxed)); }

 private:
  static constexpr int kStateBits = 2;
  static constexpr std::uint64_t kAwake = static_cast<std::uint64_t>(State::Awake);

  static State state_of(std::uint64_t word) noexcept {
    return static_cast<State>(word & ((1U << kStateBits) - 1));
  }

  static bool wants_wake(std::uint64_t word, std::uint64_t position) noexcept {
    switch (state_of(word)) {
      case State::Awake:
        return false;
      case State::Idle:
        return true;
      case State::Drowsy:
        break;
    }
    // Compared in the upper 62 bits, so that positions may wrap there.
    return static_cast<std::int64_t>((position << kStateBits) - (word & ~std::uint64_t{3})) >= 0;
  }

  alignas(kCacheLinePair) typename Platform::template Atomic<std::uint64_t> word_{kAwake};
};

}  // namespace spillway
