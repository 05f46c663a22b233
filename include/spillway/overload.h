// How full the producer is, as the application sees it.
#pragma once

#include <cstdint>

namespace spillway {

// The water level over the fuller of the ring and the memory budget. Ordered: `level >= Level::Mid`
// is a meaningful test.
enum class Level : std::uint8_t {
  Calm,  // below WaterLevels::low
  Low,   // enough to be worth waking the I/O thread
  Mid,   // merging: longer linger, fuller batches
  High,  // the application is told; soon callers will wait, be refused or drop, as the policy says
};

// Where the levels begin, in percent, 0 < low < mid < high <= 100. A level that has been reached is
// left only when the fill has fallen `hysteresis` percentage points below where it began, so a fill
// that trembles on an edge makes one event, not many. `hysteresis` must be smaller than `low`.
struct WaterLevels {
  std::uint32_t low = 20;
  std::uint32_t mid = 60;
  std::uint32_t high = 90;
  std::uint32_t hysteresis = 5;
};

}  // namespace spillway
