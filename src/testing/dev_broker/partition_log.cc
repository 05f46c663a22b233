#include "testing/dev_broker/partition_log.h"

#include <algorithm>

#include "base/check.h"
#include "wire/types.h"

namespace spillway::dev {
namespace {

// Where the broker writes into a record batch v2. The CRC covers neither field.
//   0        8        12             16
//   | offset | length | leader epoch | magic …
constexpr std::size_t kBaseOffsetAt = 0;
constexpr std::size_t kLeaderEpochAt = 12;

}  // namespace

std::int64_t PartitionLog::append(std::span<const std::byte> batch, std::int32_t records,
                                  std::int64_t timestamp_max, std::int32_t leader_epoch) {
  SPILL_CHECK(records > 0 && batch.size() > kLeaderEpochAt + 4, "only validated batches are kept");
  const std::int64_t base_offset = skip(records);
  StoredBatch stored{base_offset, base_offset + records - 1, timestamp_max,
                     std::vector<std::byte>(batch.begin(), batch.end())};
  wire::store_big_endian(stored.bytes.data() + kBaseOffsetAt, base_offset);
  wire::store_big_endian(stored.bytes.data() + kLeaderEpochAt, leader_epoch);
  batches_.push_back(std::move(stored));
  return base_offset;
}

std::int64_t PartitionLog::skip(std::int64_t records) noexcept {
  const std::int64_t base_offset = end_offset_;
  end_offset_ += records;
  return base_offset;
}

std::size_t PartitionLog::drop_oldest() {
  if (batches_.empty()) return 0;
  const std::size_t cost = batches_.front().cost();
  start_offset_ = batches_.front().last_offset + 1;
  batches_.pop_front();
  return cost;
}

std::size_t PartitionLog::readable_bytes(std::int64_t offset, std::size_t bytes_max,
                                         bool one_at_least, std::int64_t end) const {
  std::size_t taken = 0;
  for (auto batch = find(offset); batch != batches_.end() && batch->base_offset < end; ++batch) {
    const std::size_t size = batch->bytes.size();
    const bool fits = size <= bytes_max && taken <= bytes_max - size;
    if (!fits && (taken > 0 || !one_at_least)) break;
    taken += size;
  }
  return taken;
}

void PartitionLog::read(std::int64_t offset, std::size_t bytes, std::vector<std::byte>& out) const {
  for (auto batch = find(offset); bytes > 0 && batch != batches_.end(); ++batch) {
    out.insert(out.end(), batch->bytes.begin(), batch->bytes.end());
    bytes -= batch->bytes.size();
  }
}

const StoredBatch* PartitionLog::find_by_time(std::int64_t timestamp) const {
  const auto batch = std::find_if(batches_.begin(), batches_.end(), [&](const StoredBatch& b) {
    return b.timestamp_max >= timestamp;
  });
  return batch == batches_.end() ? nullptr : &*batch;
}

std::deque<StoredBatch>::const_iterator PartitionLog::find(std::int64_t offset) const {
  return std::lower_bound(
      batches_.begin(), batches_.end(), offset,
      [](const StoredBatch& batch, std::int64_t wanted) { return batch.last_offset < wanted; });
}

}  // namespace spillway::dev
