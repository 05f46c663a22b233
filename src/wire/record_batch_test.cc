#include "wire/record_batch.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "spillway/record.h"
#include "wire/batch_reader.h"

namespace spillway::wire {
namespace {

using Buffer = std::vector<std::byte>;

Record record_of(const Bytes& key, const Bytes& value, std::span<const Header> headers = {}) {
  Record record;
  record.key = key;
  record.value = value;
  record.headers = headers;
  return record;
}

void append_record(Buffer& out, const Record& record, std::int64_t timestamp_delta,
                   std::int32_t offset_delta) {
  const std::size_t tail = tail_size(record.key.data(), record.key.size(), record.value.data(),
                                     record.value.size(), record.headers);
  const std::size_t begin = out.size();
  out.resize(begin + prefix_size(tail, timestamp_delta, offset_delta) + tail);
  std::byte* next = write_prefix(out.data() + begin, tail, timestamp_delta, offset_delta);
  next = write_tail(next, record.key.data(), record.key.size(), record.value.data(),
                    record.value.size(), record.headers);
  EXPECT_EQ(next, out.data() + out.size()) << "sizes and writes must agree";
}

Buffer sealed(const BatchHeader& header, std::span<const std::byte> records) {
  Buffer batch(kBatchHeaderSize);
  write_batch_header(batch.data(), header, records.size(),
                     crc32c(0, records.data(), records.size()));
  batch.insert(batch.end(), records.begin(), records.end());
  return batch;
}

// Three records: a plain one, one with everything, a tombstone.
Buffer sample_records() {
  const std::array headers{Header{"trace", "abc"}, Header{"none", nullptr}, Header{"", ""}};
  Buffer records;
  append_record(records, record_of(nullptr, "first"), 0, 0);
  append_record(records, record_of("key", "second", headers), 5, 1);
  append_record(records, record_of("key", nullptr), -3, 2);
  return records;
}

BatchHeader sample_header() {
  BatchHeader header;
  header.last_offset_delta = 2;
  header.record_count = 3;
  header.producer_id = 1234;
  header.producer_epoch = 5;
  header.base_sequence = 6;
  header.base_timestamp_ms = 1'700'000'000'000;
  header.max_timestamp_ms = 1'700'000'000'005;
  return header;
}

const char* verdict(std::span<const std::byte> bytes) {
  BatchView batch;
  const DecodeError error = read_batch(bytes, batch);
  return error.what != nullptr ? error.what : validate_records(batch).what;
}

// A batch around records that need not be well formed.
const char* verdict_on_records(const Buffer& records, std::int32_t count) {
  BatchHeader header;
  header.record_count = count;
  header.last_offset_delta = count - 1;
  return verdict(sealed(header, records));
}

TEST(RecordBatch, WhatIsWrittenIsReadBack) {
  const Buffer bytes = sealed(sample_header(), sample_records());
  BatchView batch;
  ASSERT_EQ(read_batch(bytes, batch).what, nullptr);
  EXPECT_EQ(validate_records(batch).what, nullptr);
  EXPECT_EQ(batch.header.producer_id, 1234);
  EXPECT_EQ(batch.header.producer_epoch, 5);
  EXPECT_EQ(batch.header.base_sequence, 6);
  EXPECT_EQ(batch.header.max_timestamp_ms, 1'700'000'000'005);
  EXPECT_EQ(batch.bytes.size(), bytes.size());

  RecordCursor cursor = batch.cursor();
  RecordView record;
  ASSERT_TRUE(cursor.next(record));
  EXPECT_FALSE(record.key.has_value());
  EXPECT_EQ(Bytes(*record.value).text(), "first");
  ASSERT_TRUE(cursor.next(record));
  EXPECT_EQ(record.timestamp_delta, 5);
  EXPECT_EQ(record.header_count, 3U);
  HeaderCursor headers(record);
  HeaderView header;
  ASSERT_TRUE(headers.next(header));
  EXPECT_EQ(header.name, "trace");
  EXPECT_EQ(Bytes(*header.value).text(), "abc");
  ASSERT_TRUE(headers.next(header));
  EXPECT_FALSE(header.value.has_value());
  ASSERT_TRUE(headers.next(header));
  EXPECT_EQ(header.value->size(), 0U);
  EXPECT_FALSE(headers.next(header));
  ASSERT_TRUE(cursor.next(record));
  EXPECT_FALSE(record.value.has_value());
  EXPECT_FALSE(cursor.next(record));
  EXPECT_EQ(cursor.error().what, nullptr);
}

TEST(RecordBatch, SizesAreExactAroundEveryLengthBoundary) {
  for (const std::size_t size :
       {0UL, 1UL, 63UL, 64UL, 65UL, 8'191UL, 8'192UL, 1'048'575UL, 1'048'576UL}) {
    const std::string value(size, 'v');
    Buffer records;
    append_record(records, record_of(value, value), -1, 0);
    EXPECT_EQ(verdict_on_records(records, 1), nullptr) << size;
  }
}

TEST(RecordBatch, ABatchMayBeFollowedByAnother) {
  Buffer bytes = sealed(sample_header(), sample_records());
  const std::size_t first = bytes.size();
  bytes.insert(bytes.end(), bytes.begin(), bytes.end());
  BatchView batch;
  ASSERT_EQ(read_batch(bytes, batch).what, nullptr);
  EXPECT_EQ(batch.bytes.size(), first);
}

TEST(RecordBatch, CutShortAtEveryByteItIsRefused) {
  const Buffer bytes = sealed(sample_header(), sample_records());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Buffer cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_NE(verdict(cut), nullptr) << size;
  }
}

TEST(RecordBatch, EveryFlippedBitUnderTheChecksumIsSeen) {
  Buffer bytes = sealed(sample_header(), sample_records());
  for (std::size_t bit = kBatchCrcBegin * 8; bit < bytes.size() * 8; ++bit) {
    const auto mask = static_cast<std::byte>(1U << (bit % 8));
    bytes[bit / 8] ^= mask;
    EXPECT_NE(verdict(bytes), nullptr) << bit;
    bytes[bit / 8] ^= mask;
  }
}

TEST(RecordBatch, ALengthBelowTheHeaderOrNegativeIsRefused) {
  for (const std::int32_t length : {-1, 0, 48, std::numeric_limits<std::int32_t>::min()}) {
    Buffer bytes = sealed(sample_header(), sample_records());
    store_big_endian(bytes.data() + 8, length);
    EXPECT_STREQ(verdict(bytes), "the length of a batch is less than its header") << length;
  }
}

TEST(RecordBatch, OldMessageFormatsAreRefused) {
  Buffer bytes = sealed(sample_header(), sample_records());
  bytes[16] = std::byte{1};
  EXPECT_STREQ(verdict(bytes), "the magic byte of a batch is not 2");
}

TEST(RecordBatch, ACountThatDoesNotMatchItsRecordsIsRefused) {
  const Buffer records = sample_records();
  EXPECT_EQ(verdict_on_records(records, 3), nullptr);
  EXPECT_NE(verdict_on_records(records, 2), nullptr);
  EXPECT_NE(verdict_on_records(records, 4), nullptr);
  EXPECT_NE(verdict_on_records(records, 0), nullptr);
  EXPECT_NE(verdict_on_records(records, -1), nullptr);
  EXPECT_NE(verdict_on_records(records, std::numeric_limits<std::int32_t>::max()), nullptr);
}

TEST(RecordBatch, ALastOffsetDeltaThatDoesNotMatchItsCountIsRefused) {
  BatchHeader header = sample_header();
  header.last_offset_delta = 3;
  EXPECT_STREQ(verdict(sealed(header, sample_records())),
               "the last offset delta of a batch does not match its record count");
}

TEST(RecordBatch, OffsetDeltasOutOfOrderAreRefused) {
  Buffer records;
  append_record(records, record_of(nullptr, "a"), 0, 0);
  append_record(records, record_of(nullptr, "b"), 0, 2);
  EXPECT_STREQ(verdict_on_records(records, 2),
               "the offset deltas of a batch are not 0, 1, 2 and so on");
}

// The records of a batch with any one byte replaced by any other, under a valid checksum: refused
// or read, no more.
TEST(RecordBatch, AnyOtherByteAnywhereInTheRecordsIsRefusedOrReadSafely) {
  const Buffer records = sample_records();
  for (std::size_t at = 0; at < records.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      Buffer bad = records;
      bad[at] = static_cast<std::byte>(byte);
      verdict_on_records(bad, 3);
    }
  }
}

TEST(RecordBatch, RecordAttributesAreRefused) {
  Buffer records;
  append_record(records, record_of(nullptr, "a"), 0, 0);
  records[1] = std::byte{1};
  EXPECT_STREQ(verdict_on_records(records, 1), "a record has attributes, and none are defined");
}

}  // namespace
}  // namespace spillway::wire
