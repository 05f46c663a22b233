// Where callbacks land. One writer per slot, so counting costs a load and a store, not a locked
// add.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "base/cache_line.h"
#include "harness/histogram.h"
#include "harness/process.h"

namespace spillway::bench {

class Fates {
 public:
  struct Totals {
    std::uint64_t delivered = 0;
    std::uint64_t dropped = 0;
    std::uint64_t failed = 0;
    [[nodiscard]] std::uint64_t all() const noexcept { return delivered + dropped + failed; }
  };

  void delivered(std::uint64_t count = 1) noexcept { bump(mine().delivered, count); }
  void dropped() noexcept { bump(mine().dropped, 1); }
  void failed() noexcept { bump(mine().failed, 1); }
  // `tag`: the clock at the send call, as the loops set it in AckLatency; 0 elsewhere.
  void acknowledged(std::uintptr_t tag) noexcept {
    Slot& slot = mine();
    if (tag != 0) slot.latency.add(mono_ns() - tag);
    bump(slot.delivered, 1);
  }

  [[nodiscard]] Totals totals() const noexcept {
    Totals sum;
    for (const Slot& slot : slots_) {
      sum.delivered += slot.delivered.load(std::memory_order_acquire);
      sum.dropped += slot.dropped.load(std::memory_order_acquire);
      sum.failed += slot.failed.load(std::memory_order_acquire);
    }
    return sum;
  }
  // Only after every callback has run.
  [[nodiscard]] Histogram latency() const noexcept {
    Histogram sum;
    for (std::size_t i = 0; i < slots_used_.load(); ++i) sum.merge(slots_.at(i).latency);
    return sum;
  }

 private:
  static constexpr std::size_t kThreadsMax = 32;

  struct alignas(kCacheLinePair) Slot {
    std::atomic<std::uint64_t> delivered{0};
    std::atomic<std::uint64_t> dropped{0};
    std::atomic<std::uint64_t> failed{0};
    Histogram latency;
  };

  // release: whoever sees the count also sees the histogram behind it.
  static void bump(std::atomic<std::uint64_t>& counter, std::uint64_t by) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_release);
  }
  Slot& mine() noexcept {
    thread_local Slot* const slot = &slots_.at(slots_used_.fetch_add(1));
    return *slot;
  }

  std::array<Slot, kThreadsMax> slots_{};
  std::atomic<std::size_t> slots_used_{0};
};

// One bench client is one process with one set of fates; C callbacks reach it without a pointer.
inline Fates fates;

}  // namespace spillway::bench
