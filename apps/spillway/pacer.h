// An even rate: says when the next record is due, and sleeps until then.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>

namespace spillway::cli {

// Record i is due at start + i / rate, whatever happened before (open loop): a caller that was held
// up catches up at once, so a stall shows in the records behind it too. Sleeps are at least
// kSleepMin long, which above 1 / kSleepMin records a second means small bursts. Rate 0: always
// due, no clock is read. Used by one thread.
class Pacer {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds kSleepMin{50};
  static constexpr std::chrono::milliseconds kSleepMax{50};  // how late a stop may be noticed

  explicit Pacer(double records_per_second)
      : nanoseconds_per_record_(records_per_second > 0 ? 1e9 / records_per_second : 0) {}

  // Waits until the next record is due or should_stop() says so.
  template <typename ShouldStop>
  void wait(ShouldStop should_stop) {
    if (nanoseconds_per_record_ <= 0) return;
    const auto due =
        static_cast<std::int64_t>(static_cast<double>(taken_++) * nanoseconds_per_record_);
    if (due <= now_seen_) return;
    while ((now_seen_ = nanoseconds_since_start()) < due && !should_stop()) {
      const auto ahead = std::chrono::nanoseconds(due - now_seen_);
      std::this_thread::sleep_for(
          std::clamp<std::chrono::nanoseconds>(ahead, kSleepMin, kSleepMax));
    }
  }

 private:
  [[nodiscard]] std::int64_t nanoseconds_since_start() const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start_).count();
  }

  const double nanoseconds_per_record_;
  const Clock::time_point start_ = Clock::now();
  std::uint64_t taken_ = 0;
  std::int64_t now_seen_ = 0;
};

}  // namespace spillway::cli
