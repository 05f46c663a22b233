// Reads record batches v2 that somebody else wrote: for the dev broker, the spool and tests. Trusts
// nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "wire/reader.h"
#include "wire/record_batch.h"

namespace spillway::wire {

struct RecordView {
  std::int32_t offset_delta = 0;
  std::int64_t timestamp_delta = 0;
  std::optional<std::span<const std::byte>> key;
  std::optional<std::span<const std::byte>> value;
  std::uint32_t header_count = 0;
  std::span<const std::byte> headers;  // encoded; walk with HeaderCursor
};

struct HeaderView {
  std::string_view name;
  std::optional<std::span<const std::byte>> value;
};

// Walks the headers of a record that RecordCursor has accepted.
class HeaderCursor {
 public:
  explicit HeaderCursor(const RecordView& record) noexcept
      : in_(record.headers), left_(record.header_count) {}

  // False at the end.
  bool next(HeaderView& header) noexcept;

 private:
  Reader in_;
  std::uint32_t left_;
};

// Walks the records of an uncompressed batch, at most `record_count` of them.
class RecordCursor {
 public:
  RecordCursor(std::span<const std::byte> records, std::int32_t record_count) noexcept
      : in_(records), left_(record_count) {}

  // False at the end and on the first bad record. After the last record, bytes left over are an
  // error.
  bool next(RecordView& record) noexcept;
  // Offsets count from the first record.
  [[nodiscard]] const DecodeError& error() const noexcept { return in_.error(); }
  [[nodiscard]] std::size_t offset() const noexcept { return in_.offset(); }

 private:
  Reader in_;
  std::int32_t left_;
};

struct BatchView {
  BatchHeader header;
  std::span<const std::byte> records;
  // The batch with its header: what a log stores.
  std::span<const std::byte> bytes;

  [[nodiscard]] bool is_compressed() const noexcept {
    return (header.attributes & kCompressionMask) != 0;
  }
  [[nodiscard]] RecordCursor cursor() const noexcept { return {records, header.record_count}; }
};

// The batch at the start of `input`, which may go on behind it: magic, lengths and crc are checked,
// records are not.
[[nodiscard]] DecodeError read_batch(std::span<const std::byte> input, BatchView& batch) noexcept;

// As a broker checks a producer's batch: as many records as announced, offset deltas 0, 1, 2, …,
// the last one as announced, every record well formed. Compressed batches are checked only as far
// as they can be without their codec.
[[nodiscard]] DecodeError validate_records(const BatchView& batch) noexcept;

}  // namespace spillway::wire
