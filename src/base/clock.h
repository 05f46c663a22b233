// Time enters through values, so that a test or a simulation can own it.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace spillway {

using MonoTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;
using MonoDuration = std::chrono::nanoseconds;

inline constexpr MonoTime kNever = MonoTime::max();

[[nodiscard]] inline MonoTime mono_now() noexcept {
  return std::chrono::steady_clock::now();
}

// Milliseconds since the epoch, as fine as the scheduler tick (1–4 ms). About 5 ns, where the
// precise clock costs 24.
[[nodiscard]] inline std::int64_t wall_ms_coarse() noexcept {
  timespec ts{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &ts);
  return std::int64_t{ts.tv_sec} * 1000 + ts.tv_nsec / 1'000'000;
}

}  // namespace spillway
