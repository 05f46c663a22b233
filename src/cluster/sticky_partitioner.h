// The partition of a record without a key: stay with one until a batch is full, then choose the
// next at random, and rarely one that is behind (KIP-480, KIP-794).
#pragma once

#include <cstdint>
#include <span>

#include "base/random.h"

namespace spillway {

struct PartitionLoad {
  std::uint32_t queued = 0;  // batches, or bytes: any unit, the same for all
  bool available = true;     // it has a leader that can be reached, or is not known to be away
};

// One per topic, 40 bytes, I/O thread only. Never allocates. Produced bytes decide, not records or
// time, so that a slow partition gets no more than its share: what KIP-480's "switch when the batch
// is sent" got wrong.
class StickyPartitioner {
 public:
  StickyPartitioner(std::uint64_t seed, bool adaptive, std::uint32_t batch_bytes) noexcept
      : random_(seed), produced_(batch_bytes), batch_bytes_(batch_bytes), adaptive_(adaptive) {}

  // True at the start, after batch_bytes, and after leave(). Until switch_partition is called it
  // stays true and current() stays as it is.
  [[nodiscard]] bool needs_switch() const noexcept { return produced_ >= batch_bytes_; }
  // False: `queued` is not looked at. `available` always is.
  [[nodiscard]] bool needs_loads() const noexcept { return adaptive_; }

  // `loads`: one per partition of the topic, at least one. `scratch`: at least as long,
  // overwritten. If no partition is available, all of them are candidates. Cost: two passes over
  // the partitions.
  void switch_partition(std::span<const PartitionLoad> loads,
                        std::span<std::uint32_t> scratch) noexcept;

  // -1 before the first switch.
  [[nodiscard]] std::int32_t current() const noexcept { return current_; }
  // A record of `bytes` went to current().
  void produced(std::uint32_t bytes) noexcept { produced_ += bytes; }
  // Makes a switch due: the partition lost its leader, or the topic's partitions have changed.
  void leave() noexcept { produced_ = batch_bytes_; }

 private:
  Random random_;
  std::uint64_t produced_;
  std::uint32_t batch_bytes_;
  std::int32_t current_ = -1;
  bool adaptive_;
};

}  // namespace spillway
