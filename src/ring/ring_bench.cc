// What the ring costs, beside what the machine can do in the same run: read the numbers as ratios
// to PingPong. An iteration is one record, so "Time" is ns per record. Producers share core 1, the
// consumer has core 0.
#include "ring/ring.h"

#include <benchmark/benchmark.h>
#include <pthread.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "ring/event_count.h"

namespace spillway {
namespace {

constexpr std::size_t kCapacity = 4096;

void pin_to(unsigned core) {
  if (std::thread::hardware_concurrency() < 2) return;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  pthread_setaffinity_np(pthread_self(), sizeof(cores), &cores);
}

void pause_for(std::int64_t times) {
  for (std::int64_t i = 0; i < times; ++i) NativePlatform::pause();
}

// One cache line there and back between the two cores.
void PingPong(benchmark::State& state) {
  alignas(kCacheLinePair) std::atomic<std::uint64_t> there{0};
  alignas(kCacheLinePair) std::atomic<std::uint64_t> back{0};
  constexpr std::uint64_t kStop = UINT64_MAX;
  pin_to(0);
  std::jthread echo([&] {
    pin_to(1);
    for (std::uint64_t last = 0;;) {
      const std::uint64_t now = there.load(std::memory_order_acquire);
      if (now == kStop) return;
      if (now != last) back.store(last = now, std::memory_order_release);
    }
  });
  std::uint64_t trip = 0;
  for (auto _ : state) {
    there.store(++trip, std::memory_order_release);
    while (back.load(std::memory_order_acquire) != trip) {
    }
  }
  there.store(kStop, std::memory_order_release);
}
BENCHMARK(PingPong)->UseRealTime();

// Producers push as fast as they can, each push followed by the sleeper check; this thread pops.
// Arguments: producers; how many pauses the reader takes when a pop was not full. 128 pauses, about
// 2 µs, stand for an I/O thread that has batches to fill and write. Without any the reader fights
// for every line that a producer is writing: the worst case, which SleepWord keeps out of
// production.
void HandOff(benchmark::State& state) {
  std::vector<Ring<>::Slot> slots(kCapacity);
  Ring<> ring(slots);
  SleepWord<> sleep;
  std::atomic<bool> stop{false};
  std::vector<std::jthread> producers;
  pin_to(0);
  for (int p = 0; p < state.range(0); ++p) {
    producers.emplace_back([&] {
      pin_to(1);
      std::uint64_t position = 0;
      for (std::uint64_t k = 0; !stop.load(std::memory_order_relaxed);) {
        if (ring.try_push(k, &position) != PushResult::Pushed) {
          sched_yield();
          continue;
        }
        ++k;
        benchmark::DoNotOptimize(sleep.should_wake(position));
      }
    });
  }
  std::array<std::uint64_t, Ring<>::kPopMax> out{};
  constexpr std::size_t kBatch = 1024;
  while (state.KeepRunningBatch(kBatch)) {
    for (std::size_t seen = 0; seen < kBatch;) {
      const std::size_t count = ring.pop_many(out);
      seen += count;
      if (count < out.size()) pause_for(state.range(1));
    }
  }
  stop = true;
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(HandOff)->ArgsProduct({{1, 4, 8}, {0, 128}})->UseRealTime();

// The instructions alone: one thread pushes 64 and pops 64.
void PushAndPopOnOneThread(benchmark::State& state) {
  std::vector<Ring<>::Slot> slots(kCapacity);
  Ring<> ring(slots);
  std::array<std::uint64_t, Ring<>::kPopMax> out{};
  while (state.KeepRunningBatch(static_cast<std::int64_t>(out.size()))) {
    for (std::uint64_t k = 0; k < out.size(); ++k) ring.try_push(k);
    benchmark::DoNotOptimize(ring.pop_many(out));
  }
}
BENCHMARK(PushAndPopOnOneThread);

// Nobody pops: every push takes the oldest record and reuses its slot.
void DropOldest(benchmark::State& state) {
  static std::vector<Ring<>::Slot> slots(kCapacity);
  static Ring<> ring(slots);
  std::uint64_t sum = 0;
  for (auto _ : state) sum += ring.push_drop_oldest(1).old_value;
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(DropOldest)->Threads(1)->Threads(4)->UseRealTime();

// The reader takes about one record in a hundred: the overload in which DropOldest has to be cheap.
void DropOldestWithASlowReader(benchmark::State& state) {
  std::vector<Ring<>::Slot> slots(kCapacity);
  Ring<> ring(slots);
  std::atomic<bool> stop{false};
  pin_to(1);
  std::jthread reader([&] {
    pin_to(0);
    std::uint64_t value = 0;
    while (!stop.load(std::memory_order_relaxed)) {
      ring.try_take_oldest(value);
      pause_for(50);
    }
  });
  std::uint64_t dropped = 0;
  for (auto _ : state) dropped += ring.push_drop_oldest(1).dropped ? 1U : 0U;
  stop = true;
  state.counters["dropped"] =
      benchmark::Counter(static_cast<double>(dropped) / static_cast<double>(state.iterations()));
}
BENCHMARK(DropOldestWithASlowReader)->UseRealTime();

// What every producer pays when nobody sleeps or waits.
void ShouldWakeAnAwakeThread(benchmark::State& state) {
  SleepWord<> sleep;
  std::uint64_t position = 0;
  for (auto _ : state) benchmark::DoNotOptimize(sleep.should_wake(++position));
}
BENCHMARK(ShouldWakeAnAwakeThread);

void NotifyNobody(benchmark::State& state) {
  EventCount<> event;
  for (auto _ : state) event.notify_all();
}
BENCHMARK(NotifyNobody);

}  // namespace
}  // namespace spillway
