// A small seeded generator: the same seed gives the same run, on every machine and compiler.
#pragma once

#include <cstdint>

namespace spillway {

// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): 8 bytes of state, about 1 ns a number, every seed
// is as good as another. For jitter, choice and simulation; never for secrets. One thread.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) noexcept : state_(seed) {}

  constexpr std::uint64_t next() noexcept {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31);
  }

  // Uniform in [0, bound), without the bias of a modulo (Lemire, TOMACS 2019). 0 for a bound of 0.
  constexpr std::uint64_t below(std::uint64_t bound) noexcept {
    if (bound == 0) return 0;
    const std::uint64_t reject = (0 - bound) % bound;
    for (;;) {  // one round unless the bound is near 2^64; then two on average
      const auto wide = static_cast<unsigned __int128>(next()) * bound;
      if (static_cast<std::uint64_t>(wide) >= reject) return static_cast<std::uint64_t>(wide >> 64);
    }
  }

 private:
  std::uint64_t state_;
};

}  // namespace spillway
