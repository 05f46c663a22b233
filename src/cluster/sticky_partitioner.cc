#include "cluster/sticky_partitioner.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace spillway {
namespace {

// Who may be chosen, and how much each is worth.
struct Field {
  bool everybody;  // nobody is available: choose among all
  bool adaptive;
  std::uint32_t queued_max;  // of those that may be chosen
  int shift = 0;             // of the weights, so that their sum fits a scratch word

  [[nodiscard]] std::uint64_t weight_of(const PartitionLoad& load) const noexcept {
    if (!everybody && !load.available) return 0;
    if (!adaptive) return 1;
    const std::uint64_t weight = std::uint64_t{queued_max} + 1 - load.queued;
    return std::max<std::uint64_t>(weight >> shift, 1);
  }
};

Field survey(std::span<const PartitionLoad> loads, bool adaptive) noexcept {
  const bool everybody =
      std::none_of(loads.begin(), loads.end(), [](const auto& load) { return load.available; });
  Field field{.everybody = everybody, .adaptive = adaptive, .queued_max = 0};
  for (const PartitionLoad& load : loads) {
    if (everybody || load.available) field.queued_max = std::max(field.queued_max, load.queued);
  }
  // No sum is above count * (max + 1). 31 bits leave room for the weights that are raised to 1.
  const std::uint64_t bound = loads.size() * (std::uint64_t{field.queued_max} + 1);
  if (adaptive) field.shift = std::max(static_cast<int>(std::bit_width(bound)) - 31, 0);
  return field;
}

}  // namespace

void StickyPartitioner::switch_partition(std::span<const PartitionLoad> loads,
                                         std::span<std::uint32_t> scratch) noexcept {
  SPILL_CHECK(!loads.empty(), "a topic has at least one partition");
  SPILL_CHECK(scratch.size() >= loads.size(), "the cumulative table needs a word per partition");
  const Field field = survey(loads, adaptive_);
  const std::span<std::uint32_t> sums = scratch.first(loads.size());
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < loads.size(); ++i) {
    sum += field.weight_of(loads[i]);
    sums[i] = static_cast<std::uint32_t>(sum);
  }
  // The first sum above the pick; a weight of 0 repeats the sum before it and is never the first.
  const auto pick = static_cast<std::uint32_t>(random_.below(sum));
  const auto chosen = std::upper_bound(sums.begin(), sums.end(), pick);
  current_ = static_cast<std::int32_t>(chosen - sums.begin());
  produced_ = 0;
}

}  // namespace spillway
