// Real threads, more of them than cores, for a second or two a test: order, accounting and no wake
// lost where the hardware and the kernel decide. Under ThreadSanitizer it is the proof that no
// access races; on x86 alone it proves nothing about weak orders.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "ring/event_count.h"
#include "ring/ring.h"
#include "testing/sanitizers.h"

namespace spillway {
namespace {

constexpr std::size_t kProducers = 8;
constexpr std::size_t kCapacity = 64;
constexpr std::uint64_t kRecordsEach = 400'000 / testing::kSlowdown;

// value = producer in the high half, number of the record in the low half
std::uint64_t value_of(std::size_t producer, std::uint64_t k) {
  return (producer << 32) | k;
}

// Single consumer: every producer's records arrive in order. Counts the inversions rather than
// stopping at the first.
class OrderCheck {
 public:
  void see(std::uint64_t value) {
    const std::size_t producer = value >> 32;
    const std::uint64_t k = (value & 0xFFFFFFFFU) + 1;
    inversions += k <= last_[producer] ? 1U : 0U;
    last_[producer] = k;
    ++seen;
    checksum += value;
  }
  std::uint64_t seen = 0;
  std::uint64_t inversions = 0;
  std::uint64_t checksum = 0;

 private:
  std::array<std::uint64_t, kProducers> last_{};
};

std::uint64_t checksum_of_all() {
  std::uint64_t sum = 0;
  for (std::size_t p = 0; p < kProducers; ++p) {
    for (std::uint64_t k = 0; k < kRecordsEach; ++k) sum += value_of(p, k);
  }
  return sum;
}

template <class Body>
std::vector<std::jthread> start_producers(Body body) {
  std::vector<std::jthread> threads;
  for (std::size_t p = 0; p < kProducers; ++p) threads.emplace_back(body, p);
  return threads;
}

TEST(RingStress, BlockedCallersDeliverEverythingInOrder) {
  std::array<Ring<>::Slot, kCapacity> slots{};
  Ring<> ring(slots);
  EventCount<> room;
  EventCount<>
      work;  // the consumer parks here; SleepWord needs an eventfd and is tested by the scheduler
  auto threads = start_producers([&](std::size_t producer) {
    for (std::uint64_t k = 0; k < kRecordsEach;) {
      PushResult result = ring.try_push(value_of(producer, k));
      if (result == PushResult::Full) {
        const auto ticket = room.prepare_wait();
        result = ring.try_push(value_of(producer, k));
        if (result == PushResult::Full) (void)room.wait(ticket, kNever);
      }
      if (result == PushResult::Busy) std::this_thread::yield();
      if (result != PushResult::Pushed) continue;
      ++k;
      work.notify_all();
    }
  });
  OrderCheck check;
  std::array<std::uint64_t, Ring<>::kPopMax> out{};
  while (check.seen < kProducers * kRecordsEach) {
    const std::size_t count = ring.pop_many(out);
    for (std::size_t i = 0; i < count; ++i) check.see(out[i]);
    if (count != 0) {
      room.notify_all();
      continue;
    }
    const auto ticket = work.prepare_wait();
    if (!ring.ready()) (void)work.wait(ticket, kNever);
  }
  threads.clear();
  EXPECT_EQ(check.inversions, 0U);
  EXPECT_EQ(check.checksum, checksum_of_all());
  EXPECT_EQ(ring.head_position(), ring.tail_position());
}

TEST(RingStress, DropOldestAccountsForEveryRecordUnderOverload) {
  std::array<Ring<>::Slot, kCapacity> slots{};
  Ring<> ring(slots);
  std::atomic<std::uint64_t> dropped{0};
  std::atomic<std::uint64_t> dropped_sum{0};
  std::atomic<std::size_t> finished{0};
  auto threads = start_producers([&](std::size_t producer) {
    std::uint64_t count = 0;
    std::uint64_t sum = 0;
    for (std::uint64_t k = 0; k < kRecordsEach;) {
      const Dropped result = ring.push_drop_oldest(value_of(producer, k));
      if (result.result == PushResult::Busy) std::this_thread::yield();
      if (result.result == PushResult::Pushed) ++k;
      count += result.dropped ? 1U : 0U;
      sum += result.dropped ? result.old_value : 0U;
    }
    dropped += count;
    dropped_sum += sum;
    ++finished;
  });
  OrderCheck check;
  std::array<std::uint64_t, 8> out{};
  for (;;) {
    const bool last = finished == kProducers;
    const std::size_t count = ring.pop_many(out);
    for (std::size_t i = 0; i < count; ++i) check.see(out[i]);
    if (count == 0 && last) break;
    if (count == 0) std::this_thread::yield();
  }
  threads.clear();
  EXPECT_EQ(check.inversions, 0U);
  EXPECT_EQ(check.seen + dropped, kProducers * kRecordsEach);
  EXPECT_EQ(check.checksum + dropped_sum, checksum_of_all());
}

TEST(RingStress, TheSleepWordWakesItsThreadEveryTime) {
  std::array<Ring<>::Slot, kCapacity> slots{};
  Ring<> ring(slots);
  SleepWord<> sleep;
  std::atomic<std::uint32_t> bell{0};  // stands for the eventfd
  constexpr std::uint64_t kRecords = 20'000 / testing::kSlowdown;
  std::jthread producer([&] {
    for (std::uint64_t k = 0; k < kRecords;) {
      // Every fourth record comes when its reader is going to sleep or sleeps.
      while (k % 4 == 0 && sleep.state() == SleepWord<>::State::Awake) std::this_thread::yield();
      std::uint64_t position = 0;
      if (ring.try_push(k, &position) != PushResult::Pushed) {
        std::this_thread::yield();
        continue;
      }
      ++k;
      if (!sleep.should_wake(position)) continue;
      bell.fetch_add(1);
      NativePlatform::wake_all(bell);
    }
  });
  std::uint64_t seen = 0;
  std::array<std::uint64_t, 8> out{};
  while (seen < kRecords) {
    const std::size_t count = ring.pop_many(out);
    seen += count;
    if (count != 0) continue;
    const std::uint32_t heard = bell.load();
    sleep.prepare_sleep(SleepWord<>::State::Idle, 0);
    // A lost wake ends here, not in a hung test.
    if (!ring.ready()) {
      const bool woken = NativePlatform::wait(bell, heard, mono_now() + std::chrono::seconds(20));
      ASSERT_TRUE(woken) << "no wake for record " << seen;
    }
    sleep.woke();
  }
  EXPECT_EQ(seen, kRecords);
}

}  // namespace
}  // namespace spillway
