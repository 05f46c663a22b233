#include "testing/dev_broker/batch_check.h"

#include <vector>

#include "base/units.h"
#include "wire/batch_reader.h"
#include "wire/compression.h"

namespace spillway::dev {
namespace {

constexpr std::size_t kMagicAt = 16;
constexpr std::size_t kLastOffsetDeltaAt = 23;
constexpr std::size_t kUnpackedMax = 64 * kMiB;

BatchVerdict refuse(KafkaError error, const char* why) {
  return {error, why, {}, {}};
}

BatchFacts facts_of(const wire::BatchHeader& header) {
  return {{header.producer_id, header.producer_epoch, header.base_sequence, header.record_count},
          header.record_count,
          header.max_timestamp_ms,
          (header.attributes & wire::kTransactional) != 0};
}

const char* producer_fault(const wire::BatchHeader& header) {
  if ((header.attributes & wire::kControl) != 0) return "a producer may not write control batches";
  const bool transactional = (header.attributes & wire::kTransactional) != 0;
  if (header.producer_id < 0)
    return transactional ? "a batch of a transaction has no producer id" : nullptr;
  if (header.producer_epoch < 0) return "a batch with a producer id has no epoch";
  if (header.base_sequence < 0) return "a batch with a producer id has no sequence";
  return nullptr;
}

std::vector<std::int32_t> without_key(const wire::BatchView& batch) {
  std::vector<std::int32_t> found;
  wire::RecordCursor cursor = batch.cursor();
  wire::RecordView record;
  for (std::int32_t index = 0; cursor.next(record); ++index) {
    if (!record.key.has_value()) found.push_back(index);
  }
  return found;
}

}  // namespace

// What a broker does with a packed batch: unpacks it, so that damage is found before it is stored.
wire::DecodeError unpack(wire::BatchView& batch, std::vector<std::byte>& memory) {
  const auto codec = static_cast<Codec>(batch.header.attributes & wire::kCompressionMask);
  if (codec == Codec::None) return {};
  if (codec > Codec::Zstd) return {"no such codec"};
  std::size_t size = 0;
  for (std::size_t room = 256 * kKiB; size == 0; room *= 4) {
    if (room > kUnpackedMax) return {"the records cannot be unpacked"};
    memory.resize(room);
    size = wire::unpack(codec, batch.records, memory);
  }
  batch.header.attributes =
      static_cast<std::int16_t>(batch.header.attributes & ~wire::kCompressionMask);
  batch.records = std::span(memory).first(size);
  return {};
}

BatchVerdict check_batch(std::span<const std::byte> records, std::size_t bytes_max,
                         bool keys_required) {
  if (records.size() > kMagicAt &&
      static_cast<std::int8_t>(records[kMagicAt]) != wire::kBatchMagic) {
    return refuse(KafkaError::kInvalidRecord, "only record batches of magic 2 are accepted");
  }
  wire::BatchView batch;
  const wire::DecodeError broken = wire::read_batch(records, batch);
  if (broken.what != nullptr) return refuse(KafkaError::kCorruptMessage, broken.what);
  if (batch.bytes.size() != records.size()) {
    return refuse(KafkaError::kInvalidRecord, "a partition gets exactly one batch per request");
  }
  if (records.size() > bytes_max) {
    return refuse(KafkaError::kMessageTooLarge, "the batch is larger than message.max.bytes");
  }
  std::vector<std::byte> memory;
  wire::DecodeError invalid = unpack(batch, memory);
  if (invalid.what == nullptr) invalid = wire::validate_records(batch);
  if (invalid.what != nullptr) return refuse(KafkaError::kInvalidRecord, invalid.what);
  const char* fault = producer_fault(batch.header);
  if (fault != nullptr) return refuse(KafkaError::kInvalidRecord, fault);
  if (keys_required) {
    BatchVerdict verdict = refuse(KafkaError::kInvalidRecord, "a compacted topic wants keys");
    verdict.bad = without_key(batch);
    if (!verdict.bad.empty()) return verdict;
  }
  return {KafkaError::kNone, nullptr, facts_of(batch.header), {}};
}

std::int32_t claimed_records(std::span<const std::byte> records) noexcept {
  if (records.size() < wire::kBatchHeaderSize) return 0;
  const auto delta = wire::load_big_endian<std::int32_t>(records.data() + kLastOffsetDeltaAt);
  return delta < 0 || delta == 0x7fffffff ? 0 : delta + 1;
}

}  // namespace spillway::dev
