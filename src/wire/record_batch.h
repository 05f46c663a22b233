// Record batch v2, the unit of Kafka's log, written in parts by two threads.
//
//    byte   0             8        12             16      17    21
//           | base offset | length | leader epoch | magic | crc |
//           '---- i64 ----'- i32 --'---- i32 -----'- i8 --'-u32-'
//    byte  21           23             27           35          43
//           | attributes | last offs. Δ | base time  | max time  |     the crc covers byte 21
//           '--- i16 ----'---- i32 -----'--- i64 ----'-- i64 ----'     to the end of the batch,
//    byte  43            51               53              57     61    the length byte 12 to there
//           | producer id | producer epoch | base sequence | count | records …
//           '---- i64 ----'----- i16 ------'----- i32 -----'- i32 -'
//
// One record; its integers are zigzagged varints, but the attributes are one byte:
//
//    | length | attributes | time Δ | offset Δ | key | value | header count | headers |
//    '------ prefix, by the I/O thread --------'--- tail, once, by the caller --------'
//
// Key, value and a header's name and value are each a length and so many bytes; -1 is null.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "wire/types.h"
#include "wire/varint.h"

namespace spillway::wire {

inline constexpr std::size_t kBatchHeaderSize = 61;
// From base offset to the end of the length field: what the length does not count.
inline constexpr std::size_t kBatchLengthEnd = 12;
inline constexpr std::size_t kBatchCrcBegin = 17;
inline constexpr std::size_t kBatchCrcEnd = 21;
inline constexpr std::int8_t kBatchMagic = 2;
inline constexpr std::size_t kRecordPrefixSizeMax =
    kVarintSizeMax + 1 + kVarlongSizeMax + kVarintSizeMax;

// Bits of the attributes.
inline constexpr std::int16_t kCompressionMask = 0x07;
inline constexpr std::int16_t kTimestampLogAppend = 0x08;
inline constexpr std::int16_t kTransactional = 0x10;
inline constexpr std::int16_t kControl = 0x20;

struct BatchHeader {
  std::int64_t base_offset = 0;
  std::int32_t leader_epoch = -1;
  std::int16_t attributes = 0;
  std::int32_t last_offset_delta = 0;
  std::int64_t base_timestamp_ms = -1;
  std::int64_t max_timestamp_ms = -1;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  std::int32_t base_sequence = -1;
  std::int32_t record_count = 0;
};

// Writes the 61 bytes before `records_size` bytes of records whose crc32c is known, so that nobody
// reads them a second time. Cost: about 20 ns.
void write_batch_header(std::byte* out, const BatchHeader& header, std::size_t records_size,
                        std::uint32_t records_crc) noexcept;

// The tail of a record. Sizes are what the wire can hold: each below 2^31, the whole record too;
// the caller has checked. A null pointer is Kafka's null. `Header` has .name (string_view) and
// .value (.data(), .size()).
template <typename Header>
[[nodiscard]] inline std::size_t tail_size(const void* key, std::size_t key_size, const void* value,
                                           std::size_t value_size,
                                           std::span<const Header> headers) noexcept;

// Writes tail_size() bytes and returns their end. Cost: two varints and the copies.
template <typename Header>
inline std::byte* write_tail(std::byte* out, const void* key, std::size_t key_size,
                             const void* value, std::size_t value_size,
                             std::span<const Header> headers) noexcept;

template <typename Header>
inline std::byte* write_headers_part(std::byte* out, std::span<const Header> headers) noexcept;

// What precedes a tail of `tail_size` bytes.
[[nodiscard]] inline std::size_t prefix_size(std::size_t tail_size, std::int64_t timestamp_delta,
                                             std::int32_t offset_delta) noexcept;
inline std::byte* write_prefix(std::byte* out, std::size_t tail_size, std::int64_t timestamp_delta,
                               std::int32_t offset_delta) noexcept;

namespace detail {

// The length of the record: attributes, deltas and the tail.
[[nodiscard]] inline std::size_t body_size(std::size_t tail_size, std::int64_t timestamp_delta,
                                           std::int32_t offset_delta) noexcept {
  return 1 + varlong_size(timestamp_delta) + varint_size(offset_delta) + tail_size;
}

[[nodiscard]] inline std::size_t sized_size(const void* data, std::size_t size) noexcept {
  return data == nullptr ? 1 : varint_size(static_cast<std::int32_t>(size)) + size;
}

[[gnu::always_inline]] inline std::byte* write_sized(std::byte* out, const void* data,
                                                     std::size_t size) noexcept {
  if (data == nullptr) {
    *out = std::byte{1};  // -1, zigzagged
    return out + 1;
  }
  out = write_varint(out, static_cast<std::int32_t>(size));
  std::memcpy(out, data, size);
  return out + size;
}

// A name may be a view of nothing, but it is never null on the wire.
[[nodiscard]] inline const char* name_data(std::string_view name) noexcept {
  return name.data() == nullptr ? "" : name.data();
}

}  // namespace detail

template <typename Header>
inline std::size_t tail_size(const void* key, std::size_t key_size, const void* value,
                             std::size_t value_size, std::span<const Header> headers) noexcept {
  std::size_t size = detail::sized_size(key, key_size) + detail::sized_size(value, value_size) +
                     varint_size(static_cast<std::int32_t>(headers.size()));
  for (const Header& header : headers) {
    size += detail::sized_size(detail::name_data(header.name), header.name.size()) +
            detail::sized_size(header.value.data(), header.value.size());
  }
  return size;
}

template <typename Header>
inline std::byte* write_tail(std::byte* out, const void* key, std::size_t key_size,
                             const void* value, std::size_t value_size,
                             std::span<const Header> headers) noexcept {
  out = detail::write_sized(out, key, key_size);
  out = detail::write_sized(out, value, value_size);
  return write_headers_part(out, headers);
}

inline std::size_t prefix_size(std::size_t tail_size, std::int64_t timestamp_delta,
                               std::int32_t offset_delta) noexcept {
  const std::size_t body = detail::body_size(tail_size, timestamp_delta, offset_delta);
  return varint_size(static_cast<std::int32_t>(body)) + (body - tail_size);
}

inline std::byte* write_prefix(std::byte* out, std::size_t tail_size, std::int64_t timestamp_delta,
                               std::int32_t offset_delta) noexcept {
  const std::size_t body = detail::body_size(tail_size, timestamp_delta, offset_delta);
  out = write_varint(out, static_cast<std::int32_t>(body));
  *out++ = std::byte{0};  // attributes: none are defined
  out = write_varlong(out, timestamp_delta);
  return write_varint(out, offset_delta);
}

// The same tail in three parts, for a value that is written later or lies elsewhere: what precedes
// the value (its length included), the value, the headers.
[[nodiscard]] inline std::size_t key_part_size(const void* key, std::size_t key_size) noexcept {
  return detail::sized_size(key, key_size);
}
inline std::byte* write_key_part(std::byte* out, const void* key, std::size_t key_size) noexcept {
  return detail::write_sized(out, key, key_size);
}
template <typename Header>
[[nodiscard]] inline std::size_t headers_part_size(std::span<const Header> headers) noexcept {
  return tail_size(nullptr, 0, nullptr, 0, headers) - 2;
}
template <typename Header>
inline std::byte* write_headers_part(std::byte* out, std::span<const Header> headers) noexcept {
  out = write_varint(out, static_cast<std::int32_t>(headers.size()));
  for (const Header& header : headers) {
    out = detail::write_sized(out, detail::name_data(header.name), header.name.size());
    out = detail::write_sized(out, header.value.data(), header.value.size());
  }
  return out;
}

}  // namespace spillway::wire
