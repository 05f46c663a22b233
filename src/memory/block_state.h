// The state word of a chunk or span, and its life.
//
//     63            32 31      24 23            0
//    +----------------+----------+---------------+
//    |   generation   |  state   |     refs      |
//    +----------------+----------+---------------+
//
//    Free --open--> Open --close(records)--> Closed --last release--> Free, generation + 1
//                    |  release(n) any time    |
//
// While Open, refs starts at kOpenBias and releases take away from it, because records come and go
// while the lane still appends; close takes the bias back and adds the number of records. So the
// lane never touches the word per record.
//
//   who writes                  order      what breaks if weaker
//   open: the taking caller     release    another core could see the previous life
//   release, close: any owner   acq_rel    the recycler hands out bytes that are still being read
#pragma once

#include <atomic>
#include <cstdint>

#include "base/check.h"

namespace spillway {

template <template <class> class Atomic = std::atomic>
class BlockState {
 public:
  enum class State : std::uint8_t { Free, Open, Closed };
  static constexpr std::uint32_t kOpenBias = 1U << 23;

  // Free -> Open. Returns the generation of this life. Only the thread that took the block from the
  // free list.
  std::uint32_t open() noexcept {
    const std::uint64_t word = word_.load(std::memory_order_relaxed);
    SPILL_CHECK(state_of(word) == State::Free, "a block in use was handed out again");
    word_.store(make(generation_of(word), State::Open, kOpenBias), std::memory_order_release);
    return generation_of(word);
  }

  // Ends appending with `records` appended in this life. True: all are released, the block is Free,
  // the caller recycles it.
  [[nodiscard]] bool close(std::uint32_t generation, std::uint32_t records) noexcept {
    return change(generation, [records](Value& value) {
      SPILL_CHECK(value.state == State::Open, "a block was closed twice");
      SPILL_CHECK(value.refs + records >= kOpenBias, "more records were released than appended");
      value = {State::Closed, value.refs + records - kOpenBias};
    });
  }

  // Gives back `count` records. True as for close.
  [[nodiscard]] bool release(std::uint32_t generation, std::uint32_t count) noexcept {
    return change(generation, [count](Value& value) {
      SPILL_CHECK(value.state != State::Free && value.refs >= count, "a record was released twice");
      value.refs -= count;
    });
  }

  [[nodiscard]] std::uint32_t generation() const noexcept {
    return generation_of(word_.load(std::memory_order_acquire));
  }
  [[nodiscard]] State state() const noexcept {
    return state_of(word_.load(std::memory_order_acquire));
  }

 private:
  struct Value {
    State state;
    std::uint32_t refs;
  };

  template <typename Step>
  bool change(std::uint32_t generation, Step step) noexcept {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    for (;;) {  // one turn for each owner that races
      SPILL_CHECK(generation_of(word) == generation, "a stale owner touched a recycled block");
      Value value{state_of(word), refs_of(word)};
      step(value);
      const bool ends = value.state == State::Closed && value.refs == 0;
      const std::uint64_t next =
          ends ? make(generation + 1, State::Free, 0) : make(generation, value.state, value.refs);
      if (word_.compare_exchange_weak(word, next, std::memory_order_acq_rel,
                                      std::memory_order_relaxed)) {
        return ends;
      }
    }
  }

  static constexpr std::uint64_t make(std::uint32_t generation, State state, std::uint32_t refs) {
    return std::uint64_t{generation} << 32 | std::uint64_t{static_cast<std::uint8_t>(state)} << 24 |
           refs;
  }
  static constexpr std::uint32_t generation_of(std::uint64_t word) {
    return static_cast<std::uint32_t>(word >> 32);
  }
  static constexpr State state_of(std::uint64_t word) {
    return static_cast<State>(static_cast<std::uint8_t>(word >> 24));
  }
  static constexpr std::uint32_t refs_of(std::uint64_t word) {
    return static_cast<std::uint32_t>(word & 0xFFFFFF);
  }

  Atomic<std::uint64_t> word_{0};
};

}  // namespace spillway
