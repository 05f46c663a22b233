// Counts of nanoseconds in buckets no wider than 1.6 % of their value; the largest value is kept
// exactly.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace spillway::bench {

class Histogram {
 public:
  void add(std::uint64_t value) noexcept {
    ++counts_[bucket_of(value)];
    ++total_;
    max_ = std::max(max_, value);
  }

  void merge(const Histogram& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    max_ = std::max(max_, other.max_);
  }

  // The upper edge of the bucket that holds the value of this rank: never flatters.
  [[nodiscard]] std::uint64_t quantile(double q) const noexcept {
    const auto rank = static_cast<std::uint64_t>(q * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > rank) return std::min(upper_edge(i), max_);
    }
    return max_;
  }

  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  [[nodiscard]] std::uint64_t max() const noexcept { return max_; }

 private:
  static constexpr int kSubBits = 6;
  static constexpr std::uint64_t kSub = std::uint64_t{1} << kSubBits;

  // Values below 64 have a bucket each; from there on 64 buckets per power of two.
  static std::size_t bucket_of(std::uint64_t value) noexcept {
    if (value < kSub) return value;
    const int shift = static_cast<int>(std::bit_width(value)) - 1 - kSubBits;
    return static_cast<std::size_t>(shift) * kSub + (value >> shift);
  }
  static std::uint64_t upper_edge(std::size_t bucket) noexcept {
    if (bucket < 2 * kSub) return bucket;
    const std::size_t shift = bucket / kSub - 1;
    return ((bucket - shift * kSub + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (64 - kSubBits) * kSub + kSub> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace spillway::bench
