// Any bytes as a record batch. The checksum is repaired first, else nothing behind it would ever be
// reached.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/check.h"
#include "base/crc32c.h"
#include "wire/batch_reader.h"

namespace spillway::wire {
namespace {

void repair_checksum(std::span<std::byte> bytes) {
  if (bytes.size() < kBatchHeaderSize) return;
  const auto length = load_big_endian<std::uint32_t>(bytes.data() + 8);
  if (length > bytes.size() - kBatchLengthEnd) return;
  const std::size_t end = kBatchLengthEnd + length;
  if (end < kBatchHeaderSize) return;
  const auto covered = bytes.first(end).subspan(kBatchCrcEnd);
  store_big_endian(bytes.data() + kBatchCrcBegin, crc32c(0, covered.data(), covered.size()));
}

std::size_t walk(const BatchView& batch) {
  std::size_t seen = 0;
  RecordCursor cursor = batch.cursor();
  for (RecordView record; cursor.next(record);) {
    HeaderCursor headers(record);
    std::uint32_t count = 0;
    for (HeaderView header; headers.next(header); ++count) seen += header.name.size();
    SPILL_CHECK(count == record.header_count, "an accepted record has all of its headers");
    seen += record.key.has_value() ? record.key->size() : 0;
    seen += record.value.has_value() ? record.value->size() : 0;
  }
  return seen;
}

}  // namespace
}  // namespace spillway::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace spillway::wire;
  const auto input = std::as_bytes(std::span(data, size));
  std::vector<std::byte> bytes(input.begin(), input.end());
  repair_checksum(bytes);
  BatchView batch;
  if (read_batch(bytes, batch).what != nullptr) return 0;
  const std::size_t seen = walk(batch);
  SPILL_CHECK(seen <= batch.records.size(), "a record cannot hold more than its batch");
  const DecodeError error = validate_records(batch);
  SPILL_CHECK(error.what == nullptr || error.offset <= bytes.size(), "errors say where");
  return 0;
}
