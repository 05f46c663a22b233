#include "wire/record_batch.h"

#include "base/check.h"
#include "base/crc32c.h"

namespace spillway::wire {

void write_batch_header(std::byte* out, const BatchHeader& header, std::size_t records_size,
                        std::uint32_t records_crc) noexcept {
  const std::size_t length = kBatchHeaderSize - kBatchLengthEnd + records_size;
  SPILL_CHECK(length <= kLengthMax, "a batch is bounded far below what its length field can say");
  store_big_endian(out + 0, header.base_offset);
  store_big_endian(out + 8, static_cast<std::int32_t>(length));
  store_big_endian(out + 12, header.leader_epoch);
  store_big_endian(out + 16, kBatchMagic);
  store_big_endian(out + 21, header.attributes);
  store_big_endian(out + 23, header.last_offset_delta);
  store_big_endian(out + 27, header.base_timestamp_ms);
  store_big_endian(out + 35, header.max_timestamp_ms);
  store_big_endian(out + 43, header.producer_id);
  store_big_endian(out + 51, header.producer_epoch);
  store_big_endian(out + 53, header.base_sequence);
  store_big_endian(out + 57, header.record_count);
  const std::uint32_t header_crc = crc32c(0, out + kBatchCrcEnd, kBatchHeaderSize - kBatchCrcEnd);
  store_big_endian(out + kBatchCrcBegin, crc32c_combine(header_crc, records_crc, records_size));
}

}  // namespace spillway::wire
