// PartitionLog: the record batches of one partition, kept as they arrived, with offsets assigned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <span>
#include <vector>

namespace spillway::dev {

struct StoredBatch {
  std::int64_t base_offset = 0;
  std::int64_t last_offset = 0;
  std::int64_t timestamp_max = 0;  // ms since the epoch
  std::vector<std::byte> bytes;    // as on the wire, base offset and leader epoch filled in

  // What one batch is charged against the bound of the log.
  [[nodiscard]] std::size_t cost() const noexcept { return bytes.size() + sizeof(StoredBatch); }
};

// Not thread-safe. Bounded by its owner, who calls drop_oldest.
class PartitionLog {
 public:
  // The first offset still readable, and the offset that the next record will get.
  [[nodiscard]] std::int64_t start_offset() const noexcept { return start_offset_; }
  [[nodiscard]] std::int64_t end_offset() const noexcept { return end_offset_; }
  [[nodiscard]] const std::deque<StoredBatch>& batches() const noexcept { return batches_; }

  // Copies the batch and returns its base offset. `records` is at least 1.
  std::int64_t append(std::span<const std::byte> batch, std::int32_t records,
                      std::int64_t timestamp_max, std::int32_t leader_epoch);

  // Gives out offsets without keeping anything: for the mode that only acknowledges.
  std::int64_t skip(std::int64_t records) noexcept;

  // Removes the oldest batch, moves the start behind it and returns what it had cost; 0 if there is
  // none.
  std::size_t drop_oldest();

  // Bytes of whole batches from the one that holds `offset`: as many as fit into `bytes_max`, or
  // the first alone when it does not fit and `one_at_least` is set, so that a reader with a small
  // limit still gets on. None begins at `end` or behind it.
  [[nodiscard]] std::size_t readable_bytes(
      std::int64_t offset, std::size_t bytes_max, bool one_at_least,
      std::int64_t end = std::numeric_limits<std::int64_t>::max()) const;

  // Appends `bytes`, an answer of readable_bytes for the same offset, to `out`.
  void read(std::int64_t offset, std::size_t bytes, std::vector<std::byte>& out) const;

  // The first batch with a record at or after `timestamp`, or null.
  [[nodiscard]] const StoredBatch* find_by_time(std::int64_t timestamp) const;

 private:
  [[nodiscard]] std::deque<StoredBatch>::const_iterator find(std::int64_t offset) const;

  std::deque<StoredBatch> batches_;
  std::int64_t start_offset_ = 0;
  std::int64_t end_offset_ = 0;
};

}  // namespace spillway::dev
