// The one word that says how full the producer is, moved by whoever crosses a threshold.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "base/cache_line.h"
#include "base/check.h"
#include "ring/platform.h"
#include "spillway/overload.h"

namespace spillway {

struct LevelChange {
  Level from = Level::Calm;
  Level to = Level::Calm;
};

// | atomic | operation                      | order   | what breaks if weaker                  |
// |--------|--------------------------------|---------|----------------------------------------|
// | level_ | whoever crosses a threshold    | relaxed | - (it carries no other data; the CAS   |
// |        | moves it by CAS; everyone looks|         | makes each crossing one event)         |
template <class Platform = NativePlatform>
class WaterLevel {
 public:
  static constexpr std::uint32_t kFull = 1000;  // permille

  explicit WaterLevel(WaterLevels levels = {})
      : begin_{0, levels.low * 10, levels.mid * 10, levels.high * 10},
        hysteresis_(levels.hysteresis * 10) {
    SPILL_CHECK(
        0 < levels.low && levels.low < levels.mid && levels.mid < levels.high && levels.high <= 100,
        "levels rise from above 0 to at most 100 %");
    SPILL_CHECK(levels.hysteresis < levels.low, "a level must be possible to leave");
  }

  // Any thread. The change that this very call made, or nothing: between two threads each crossing
  // is told once, and the changes, in the order of the word, form a chain (the `to` of one is the
  // `from` of the next). Cost without a crossing: one relaxed load.
  std::optional<LevelChange> update(std::uint32_t permille) noexcept {
    Level from = level_.load(std::memory_order_relaxed);
    for (;;) {  // repeats only when another thread has changed the level meanwhile
      const Level to = next(from, permille);
      if (to == from) return std::nullopt;
      if (level_.compare_exchange_strong(from, to, std::memory_order_relaxed,
                                         std::memory_order_relaxed)) {
        return LevelChange{from, to};
      }
    }
  }

  Level level() const noexcept { return level_.load(std::memory_order_relaxed); }

 private:
  // Up as far as the fill has reached; down only past the hysteresis, and then as far as that
  // allows.
  Level next(Level from, std::uint32_t permille) const noexcept {
    const Level reached = level_of(permille);
    if (reached >= from) return reached;
    const Level held = level_of(permille + hysteresis_);
    return held < from ? held : from;
  }

  Level level_of(std::uint32_t permille) const noexcept {
    std::uint8_t level = 0;
    while (level + 1U < begin_.size() && permille >= begin_[level + 1U]) ++level;
    return static_cast<Level>(level);
  }

  // Constant after construction: where each level begins, in permille.
  const std::array<std::uint32_t, 4> begin_;
  const std::uint32_t hysteresis_;
  alignas(kCacheLinePair) typename Platform::template Atomic<Level> level_{Level::Calm};
};

}  // namespace spillway
