// How noisy is the machine right now: the round trip of one cache line between two threads, in ns.
// Prints the median and the largest of 20 samples of 200 trips as JSON. 77–160 is normal on two
// vCPUs, 500 is a bad second.
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <thread>

#include "base/cache_line.h"
#include "harness/process.h"

namespace {

constexpr int kSamples = 20;
constexpr int kTrips = 200;

struct alignas(spillway::kCacheLinePair) Word {
  std::atomic<std::uint32_t> value{0};
};

// On one core the peer never runs while we spin: give the core away now and then.
void await(const std::atomic<std::uint32_t>& word, std::uint32_t wanted) {
  for (int spins = 1; word.load(std::memory_order_acquire) != wanted; ++spins) {
    if (spins % 100'000 == 0) sched_yield();
  }
}

}  // namespace

int main() {
  static Word ping;
  static Word pong;
  std::thread peer([] {
    for (std::uint32_t i = 1; i <= kSamples * kTrips; ++i) {
      await(ping.value, i);
      pong.value.store(i, std::memory_order_release);
    }
  });
  std::array<std::uint64_t, kSamples> samples{};
  std::uint32_t trip = 0;
  for (std::uint64_t& sample : samples) {
    const std::uint64_t start = spillway::bench::mono_ns();
    for (int i = 0; i < kTrips; ++i) {
      ping.value.store(++trip, std::memory_order_release);
      await(pong.value, trip);
    }
    sample = (spillway::bench::mono_ns() - start) / kTrips;
  }
  peer.join();
  std::sort(samples.begin(), samples.end());
  std::printf("{\"ping_pong_ns\": %llu, \"ping_pong_ns_max\": %llu}\n",
              static_cast<unsigned long long>(samples[kSamples / 2]),
              static_cast<unsigned long long>(samples.back()));
}
