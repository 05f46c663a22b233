// What the end of a transaction does to logs and groups.

#include <algorithm>
#include <array>

#include "base/crc32c.h"
#include "testing/dev_broker/cluster.h"
#include "wire/record_batch.h"

namespace spillway::dev {
namespace {

// The only record of a control batch: version and type as its key; version and the epoch of the
// coordinator as its value. Lengths are zigzagged.
//   | 16 | attributes | time Δ | offset Δ | 4 | 0, 0, 0, type | 6 | 0, 0, 0, 0, 0, 0 | no headers |
constexpr std::size_t kMarkerRecordBytes = 17;
constexpr std::size_t kTypeAt = 8;

std::array<std::byte, kMarkerRecordBytes> marker_record(bool commit) {
  std::array<std::byte, kMarkerRecordBytes> record{};
  record[0] = std::byte{2 * (kMarkerRecordBytes - 1)};
  record[4] = std::byte{2 * 4};
  record[kTypeAt] = commit ? std::byte{1} : std::byte{0};
  record[9] = std::byte{2 * 6};
  return record;
}

}  // namespace

std::int64_t Partition::last_stable_offset() const noexcept {
  std::int64_t stable = log.end_offset();
  for (const auto& [producer_id, first_offset] : open) stable = std::min(stable, first_offset);
  return stable;
}

void DevCluster::tick(Now now) {
  transactions_.tick(now.mono, [this, now](const Transaction& transaction) {
    return finish(transaction, now.wall_ms);
  });
}

// False: a partition has no leader at the moment, so the end waits.
bool DevCluster::finish(const Transaction& transaction, std::int64_t wall_ms) {
  std::vector<Partition*> written;
  for (const auto& [name, index] : transaction.partitions) {
    Topic* const topic = find_topic(name);
    Partition* const partition = topic == nullptr ? nullptr : topic->partition(index);
    if (partition == nullptr) continue;  // deleted meanwhile
    if (partition->leader == kNoLeader || !node(partition->leader).up) return false;
    written.push_back(partition);
  }
  for (Partition* partition : written) write_marker(*partition, transaction, wall_ms);
  if (!transaction.committed) return true;
  for (const auto& [group, offsets] : transaction.offsets) {
    for (const auto& [partition, offset] : offsets) committed_[group][partition] = offset;
  }
  return true;
}

void DevCluster::write_marker(Partition& partition, const Transaction& transaction,
                              std::int64_t wall_ms) {
  const auto record = marker_record(transaction.committed);
  std::array<std::byte, wire::kBatchHeaderSize + kMarkerRecordBytes> batch;
  wire::BatchHeader header;
  header.attributes = wire::kTransactional | wire::kControl;
  header.base_timestamp_ms = header.max_timestamp_ms = wall_ms;
  header.producer_id = transaction.producer_id;
  header.producer_epoch = transaction.epoch;
  header.record_count = 1;
  wire::write_batch_header(batch.data(), header, record.size(),
                           crc32c(0, record.data(), record.size()));
  std::ranges::copy(record, batch.begin() + wire::kBatchHeaderSize);
  BatchFacts facts;
  facts.records = 1;
  facts.timestamp_max = wall_ms;
  const std::int64_t offset = store(partition, facts, batch);
  partition.producers.begin_epoch(transaction.producer_id, transaction.epoch, wall_ms);
  const auto open = partition.open.find(transaction.producer_id);
  if (open == partition.open.end()) return;
  if (!transaction.committed)
    partition.aborted.push_back({transaction.producer_id, open->second, offset});
  partition.open.erase(open);
  while (!partition.aborted.empty() &&
         partition.aborted.front().marker_offset < partition.log.start_offset())
    partition.aborted.pop_front();
}

}  // namespace spillway::dev
