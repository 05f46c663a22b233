// Latencies in fixed memory: what p99.9 means is decided before anything is measured.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <vector>

namespace spillway::cli {

// Counts values by their highest kDetailBits + 1 bits, so a percentile is at most 1/64 (1.6 %)
// above the true value; the maximum is exact. 30 KiB, one addition per value, no allocation after
// construction. Used by one thread; add() merges another one.
class Histogram {
 public:
  Histogram() : counts_(kBuckets) {}

  void record(std::uint64_t value) noexcept {
    counts_[bucket_of(value)] += 1;
    count_ += 1;
    max_ = std::max(max_, value);
  }

  void add(const Histogram& other) noexcept {
    for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
  }

  // The smallest recorded magnitude that at least `fraction` (0..1) of the values do not exceed.
  [[nodiscard]] std::uint64_t percentile(double fraction) const noexcept {
    const auto rank = static_cast<std::uint64_t>(fraction * static_cast<double>(count_) + 0.999999);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      seen += counts_[i];
      if (seen >= rank && seen > 0) return std::min(upper_bound_of(i), max_);
    }
    return max_;
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t max() const noexcept { return max_; }

 private:
  static constexpr unsigned kDetailBits = 6;
  static constexpr std::size_t kDetail = std::size_t{1} << kDetailBits;
  static constexpr std::size_t kBuckets = (64 - kDetailBits + 1) * kDetail;

  // Values below kDetail have a bucket each; above, one power of two shares kDetail buckets.
  static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    if (value < kDetail) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - kDetailBits - 1;
    return (shift + 1) * kDetail + ((value >> shift) - kDetail);
  }

  static constexpr std::uint64_t upper_bound_of(std::size_t bucket) noexcept {
    if (bucket < kDetail) return bucket;
    const auto shift = bucket / kDetail - 1;
    const std::uint64_t lower = (bucket % kDetail + kDetail) << shift;
    return lower + ((std::uint64_t{1} << shift) - 1);
  }

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace spillway::cli
