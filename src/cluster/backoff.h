// How long to wait after a failure: exponential with jitter (KIP-580).
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"
#include "base/random.h"

namespace spillway {

// first * 2^failures_before, times a factor in 0.8..1.2, never more than max: `failures_before` is
// 0 for the first failure in a row. As in Kafka, at the limit half of the delays are exactly max.
// Neither duration is negative.
[[nodiscard]] inline MonoDuration backoff(MonoDuration first, MonoDuration max,
                                          std::uint32_t failures_before, Random& random) noexcept {
  const std::uint32_t doublings = std::min(failures_before, 62U);
  // Compared before it is shifted: 2^62 times anything would overflow.
  const bool limited = first.count() > max.count() >> doublings;
  const std::int64_t term = limited ? max.count() : first.count() << doublings;
  const std::int64_t fifth = term / 5;
  const auto jitter =
      static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(2 * fifth) + 1));
  const std::int64_t least = term - fifth;
  return MonoDuration(least + std::min(jitter, max.count() - least));
}

}  // namespace spillway
