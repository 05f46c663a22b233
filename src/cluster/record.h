// A record between the caller and its batch, as it lies in a chunk or span.
//
//   small     | RecordHeader | tail |                               copied into the batch
//   large     | RecordHeader | room | tail |                        referred to by the batch
//   reserved  | RecordHeader | room | 0-4 bytes | tail |            the length of the value decides
//                                                                   where the tail begins
//   borrowed  | RecordHeader | BorrowedValue | room | key, value length | headers |
//                                                                   the value stays the caller's
//
// `room` is kPrefixRoom bytes: the I/O thread writes the prefix just before the tail. Written by
// the caller before it publishes the record's descriptor, read by the I/O thread or by a dropping
// caller afterwards; the ring's publish orders the two.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "memory/pool.h"
#include "spillway/delivery.h"
#include "wire/record_batch.h"

namespace spillway {

enum class RecordState : std::uint8_t { Allocated = 1, Filled, Committed, Recycled };

struct RecordHeader {
  Completion completion;
  std::int64_t timestamp_ms;
  std::uint32_t tail_size;
  std::uint32_t generation;        // of the block, must match the descriptor's
  std::int32_t partition_or_hash;  // the partition, or the hash of the key
  std::uint16_t topic;
  std::uint8_t flags;
  std::atomic<RecordState>
      state;  // CAS only where two owners could meet: a reservation's commit and abort

  static constexpr std::uint8_t kHasPartition = 1;
  static constexpr std::uint8_t kHasKey = 2;
  static constexpr std::uint8_t kLarge = 4;
  static constexpr std::uint8_t kBorrowed = 8;
  static constexpr std::uint8_t kReserved = 16;
  static constexpr int kShiftAt =
      5;  // the upper three bits: where a reserved record's tail begins behind the room
};
static_assert(sizeof(RecordHeader) == 40, "each byte here is a byte of every record in flight");

// Behind the RecordHeader of a borrowed record. Its tail is the first part, the borrowed value, the
// last part.
struct BorrowedValue {
  const std::byte* data;
  std::uint32_t size;
  std::uint32_t first_part_size;
};

// Room that a reference needs before the tail.
inline constexpr std::size_t kPrefixRoom = round_up(wire::kRecordPrefixSizeMax, 8);
// From here on copying a record a second time costs more than referring to it (design §1, measured
// at 100 B and 1000 B).
inline constexpr std::size_t kReferenceBytesMin = 768;

// What the ring carries: which record, in which life of its block.
//
//    63          40 39        24 23             0
//   +--------------+------------+----------------+
//   |   block id   | offset / 8 |   generation   |
//   +--------------+------------+----------------+
struct Descriptor {
  BlockId block;
  std::uint32_t offset;      // bytes, a multiple of 8, below 512 KiB
  std::uint32_t generation;  // low 24 bits

  static constexpr std::uint32_t kGenerationMask = 0xFFFFFF;

  [[nodiscard]] std::uint64_t pack() const noexcept {
    return std::uint64_t{static_cast<std::uint32_t>(block)} << 40 |
           std::uint64_t{offset / 8} << 24 | (generation & kGenerationMask);
  }
  [[nodiscard]] static Descriptor unpack(std::uint64_t word) noexcept {
    return {BlockId{static_cast<std::uint32_t>(word >> 40)},
            static_cast<std::uint32_t>(word >> 24 & 0xFFFF) * 8,
            static_cast<std::uint32_t>(word) & kGenerationMask};
  }
};

// A record found through its descriptor.
struct StoredRecord {
  const RecordHeader* header;
  BlockId block;

  [[nodiscard]] std::byte* body() const noexcept {
    return const_cast<std::byte*>(reinterpret_cast<const std::byte*>(header + 1));
  }
  [[nodiscard]] bool large() const noexcept {
    return (header->flags & (RecordHeader::kLarge | RecordHeader::kBorrowed)) != 0;
  }
  // The tail of a record that is not borrowed.
  [[nodiscard]] std::span<const std::byte> tail() const noexcept {
    const bool room = (header->flags & (RecordHeader::kLarge | RecordHeader::kReserved)) != 0;
    const std::size_t shift = header->flags >> RecordHeader::kShiftAt;
    return {body() + (room ? kPrefixRoom + shift : 0), header->tail_size};
  }
  // The tail's parts in order, for a reference. Returns how many.
  [[nodiscard]] std::size_t parts(std::array<std::span<const std::byte>, 3>& out) const noexcept {
    if ((header->flags & RecordHeader::kBorrowed) == 0) {
      out[0] = tail();
      return 1;
    }
    const auto* borrowed = reinterpret_cast<const BorrowedValue*>(body());
    const std::byte* first = body() + sizeof(BorrowedValue) + kPrefixRoom;
    out[0] = {first, borrowed->first_part_size};
    out[1] = {borrowed->data, borrowed->size};
    out[2] = {first + borrowed->first_part_size,
              header->tail_size - borrowed->first_part_size - borrowed->size};
    return 3;
  }
};

}  // namespace spillway
