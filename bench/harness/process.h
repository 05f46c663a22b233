// What the operating system says about this process, and the two clocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>

namespace spillway::bench {

[[nodiscard]] inline std::uint64_t mono_ns() noexcept {
  timespec ts{};
  ::clock_gettime(CLOCK_MONOTONIC, &ts);
  return static_cast<std::uint64_t>(ts.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(ts.tv_nsec);
}

void sleep_until_ns(std::uint64_t mono) noexcept;

struct ProcessUse {
  double user_seconds = 0;
  double system_seconds = 0;
  std::int64_t switches_voluntary = 0;
  std::int64_t switches_forced = 0;
  [[nodiscard]] double cpu_seconds() const noexcept { return user_seconds + system_seconds; }
};

// getrusage of the whole process, every thread and the start-up included.
[[nodiscard]] ProcessUse process_use() noexcept;

[[nodiscard]] std::size_t rss_peak_bytes();  // VmHWM
[[nodiscard]] std::size_t rss_bytes();       // VmRSS

// Calls of malloc and its relatives so far; -1 unless malloc_count is preloaded.
[[nodiscard]] std::int64_t allocations() noexcept;

}  // namespace spillway::bench
