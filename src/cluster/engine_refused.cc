// A batch that a broker refused as it is, but may take in parts.

#include <algorithm>

#include "cluster/engine.h"

namespace spillway {
namespace {

constexpr std::size_t kBadRecordsMax = 256;  // of one answer; with more the whole batch has failed

}  // namespace

// False: nothing can be saved. Only for what is certainly not in the log: parts have sequences of
// their own.
bool Engine::send_in_parts(Batch& batch, std::int16_t kafka_error,
                           std::span<const wire::ProduceResponse::RecordError> bad,
                           MonoTime now) noexcept {
  if (batch.in_doubt || batch.record_count() == 1) return false;
  if (vanished(*batch.partition)) return false;
  const auto error = static_cast<wire::ErrorCode>(kafka_error);
  if (error == wire::ErrorCode::kMessageTooLarge || error == wire::ErrorCode::kRecordListTooLarge)
    return split(batch, now);
  return !transactional() && !bad.empty() && bad.size() <= kBadRecordsMax &&
         omit(batch, kafka_error, bad, now);
}

// In halves, which may be refused again: the limit is the topic's, and nobody tells it.
bool Engine::split(Batch& batch, MonoTime now) noexcept {
  const std::span<const std::byte> unpacked = packer_.unpack(batch);
  const std::size_t size = unpacked.empty() ? batch.wire_size() : unpacked.size();
  Partition& partition = *batch.partition;
  // Parts need a new epoch, and a transaction has one: the next one will have smaller batches.
  partition.batch_bytes_max =
      std::min(partition.batch_bytes_max, static_cast<std::uint32_t>(size / 2));
  if (transactional()) return false;
  Batch* const parts = batch.rebuild(unpacked, size / 2, {}, pool_);
  if (parts == nullptr) {  // no memory for a copy now: it will be refused once more
    retry(batch, false, now);
    return true;
  }
  add(counters_.batches_split, 1);
  replace(batch, parts, now);
  return true;
}

// KIP-467: the broker names the bad records and has taken none. They fail, the others go again.
bool Engine::omit(Batch& batch, std::int16_t kafka_error,
                  std::span<const wire::ProduceResponse::RecordError> bad, MonoTime now) noexcept {
  std::array<std::int32_t, kBadRecordsMax> indexes;
  const auto end =
      std::ranges::transform(bad, indexes.begin(), &wire::ProduceResponse::RecordError::batch_index)
          .out;
  std::sort(indexes.begin(), end);
  const std::span named(indexes.begin(), std::unique(indexes.begin(), end));
  const auto record_count = static_cast<std::int32_t>(batch.record_count());
  if (named.front() < 0 || named.back() >= record_count) return false;  // the broker is lying
  Batch* const rest = batch.rebuild(packer_.unpack(batch), SIZE_MAX, named, pool_);
  if (rest == nullptr) return false;
  const Partition& partition = *batch.partition;
  const Delivery failed{Fate::Failed, Reason::Rejected, kafka_error, partition.index,
                        -1,           partition.topic};
  Completions::Cursor cursor = batch.completions();
  for (std::int32_t i = 0, next = 0; i < record_count; ++i) {
    const Completion completion = cursor.next();
    if (next == static_cast<std::int32_t>(named.size()) ||
        named[static_cast<std::size_t>(next)] != i)
      continue;
    ++next;
    fates_.end_record(completion, failed);
  }
  replace(batch, rest, now);
  return true;
}

// The parts stand where the batch stood: in its partition's queue, in the list of ages, in the
// window.
void Engine::replace(Batch& batch, Batch* parts, MonoTime now) noexcept {
  Partition& partition = *batch.partition;
  Batch* reversed = nullptr;
  while (parts != nullptr) {
    Batch* const part = parts;
    parts = part->next;
    part->next = reversed;
    reversed = part;
    ages_.insert_before(batch, *part);
    add(counters_.payload, part->records_size());
    add(counters_.payload_held_by, part->held_bytes());
    if (packer_.threaded()) {
      part->close();
    } else {
      pack(*part);
    }
    part->seal(
        {},
        -1);  // with idempotence sealed again, in the epoch that begins once nothing is in flight
  }
  forget(batch);
  while (reversed != nullptr) {  // the last first: among equals push_retry puts the new one before
    Batch* const part = reversed;
    reversed = part->next;
    partition.push_retry(*part);
  }
  partition.draining = true;
  partition.gap |= options_.idempotence;
  reschedule(partition, now);
}

// Without a fate: its records have one, or live in other batches.
void Engine::forget(Batch& batch) noexcept {
  packer_.give_up(batch);
  ages_.remove(batch);
  add(counters_.payload, 0 - batch.records_size());
  add(counters_.payload_held_by, 0 - batch.held_bytes());
  Batch::destroy(&batch, pool_);
}

}  // namespace spillway
