#include "wire/batch_reader.h"

#include "base/crc32c.h"

namespace spillway::wire {
namespace {

// A record takes at least a length, attributes, two deltas, two lengths and a header count.
constexpr std::size_t kRecordSizeMin = 7;

std::optional<std::span<const std::byte>> sized(Reader& in) noexcept {
  const std::int32_t size = in.varint();
  if (size < -1) in.fail("a length in a record is negative and not null");
  if (size < 0) return std::nullopt;
  return in.raw(static_cast<std::size_t>(size));
}

bool read_header(Reader& in, HeaderView& header) noexcept {
  const auto name = sized(in);
  if (!name.has_value()) {
    in.fail("the name of a record header is null");
    return false;
  }
  header.name = {reinterpret_cast<const char*>(name->data()), name->size()};
  header.value = sized(in);
  return in.ok();
}

void read_body(Reader& in, RecordView& record) noexcept {
  if (in.integer<std::int8_t>() != 0) in.fail("a record has attributes, and none are defined");
  record.timestamp_delta = in.varlong();
  record.offset_delta = in.varint();
  record.key = sized(in);
  record.value = sized(in);
  const std::int32_t count = in.varint();
  // A header takes at least two bytes.
  if (count < 0 || static_cast<std::size_t>(count) > in.remaining() / 2) {
    in.fail("a record has fewer bytes than its headers need");
    return;
  }
  record.header_count = static_cast<std::uint32_t>(count);
  Reader headers = in;
  record.headers = in.raw(in.remaining());
  HeaderView header;
  for (std::uint32_t i = 0; i < record.header_count; ++i) {
    if (!read_header(headers, header)) break;
  }
  if (!headers.finish()) in.fail("the headers of a record do not fill it exactly");
}

void read_header_fields(Reader& in, BatchHeader& header) noexcept {
  header.attributes = in.integer<std::int16_t>();
  header.last_offset_delta = in.integer<std::int32_t>();
  header.base_timestamp_ms = in.integer<std::int64_t>();
  header.max_timestamp_ms = in.integer<std::int64_t>();
  header.producer_id = in.integer<std::int64_t>();
  header.producer_epoch = in.integer<std::int16_t>();
  header.base_sequence = in.integer<std::int32_t>();
  header.record_count = in.integer<std::int32_t>();
}

}  // namespace

bool HeaderCursor::next(HeaderView& header) noexcept {
  if (left_ == 0) return false;
  --left_;
  return read_header(in_, header);
}

bool RecordCursor::next(RecordView& record) noexcept {
  if (left_ <= 0) {
    in_.finish();
    return false;
  }
  --left_;
  record = {};
  const std::int32_t size = in_.varint();
  if (size < 0) in_.fail("the length of a record is negative");
  if (!in_.ok()) return false;
  const std::size_t body_begin = in_.offset();
  Reader body(in_.raw(static_cast<std::size_t>(size)));
  if (!in_.ok()) return false;
  read_body(body, record);
  if (!body.ok()) in_.fail_at(body.error().what, body_begin + body.error().offset);
  return in_.ok();
}

DecodeError read_batch(std::span<const std::byte> input, BatchView& batch) noexcept {
  batch = {};
  Reader in(input);
  batch.header.base_offset = in.integer<std::int64_t>();
  const auto length = in.integer<std::int32_t>();
  if (in.ok() && length < static_cast<std::int32_t>(kBatchHeaderSize - kBatchLengthEnd)) {
    in.fail("the length of a batch is less than its header");
  }
  if (in.ok() && static_cast<std::size_t>(length) > in.remaining()) {
    in.fail("the length of a batch goes past the end of its bytes");
  }
  if (!in.ok()) return in.error();
  batch.bytes = input.first(kBatchLengthEnd + static_cast<std::size_t>(length));
  batch.header.leader_epoch = in.integer<std::int32_t>();
  if (in.integer<std::int8_t>() != kBatchMagic) in.fail("the magic byte of a batch is not 2");
  const auto crc = in.integer<std::uint32_t>();
  const auto covered = batch.bytes.subspan(kBatchCrcEnd);
  if (in.ok() && crc32c(0, covered.data(), covered.size()) != crc) {
    in.fail("the crc of a batch does not match its bytes");
  }
  read_header_fields(in, batch.header);
  batch.records = batch.bytes.subspan(kBatchHeaderSize);
  return in.error();
}

DecodeError validate_records(const BatchView& batch) noexcept {
  const BatchHeader& header = batch.header;
  if (header.record_count <= 0) return {"a batch has no records", 57};
  if (header.last_offset_delta != header.record_count - 1) {
    return {"the last offset delta of a batch does not match its record count", 23};
  }
  if (batch.is_compressed()) return {};
  const auto count = static_cast<std::size_t>(header.record_count);
  if (count > batch.records.size() / kRecordSizeMin) {
    return {"a batch has fewer bytes than its records need", 57};
  }
  RecordCursor cursor = batch.cursor();
  RecordView record;
  for (std::int32_t expected = 0; cursor.next(record); ++expected) {
    if (record.offset_delta != expected) {
      return {"the offset deltas of a batch are not 0, 1, 2 and so on", cursor.offset()};
    }
  }
  return cursor.error();
}

}  // namespace spillway::wire
