// One batch of one partition: records in wire format in a chain of pages, or left where the caller
// put them.
//
//    first page              further pages      pieces, only if a record is referred to
//   +-------+-----------+   +-----------+      +----------------------+------------------+---
//   | Batch | records → | → | records → |      | n bytes of the pages | bytes at p,      | …
//   +-------+-----------+   +-----------+      |                      | owes a release   |
//                                              +----------------------+------------------+---
//
// A batch lives in its own first page, so ten idle partitions hold ten pages and nothing else. I/O
// thread only.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/check.h"
#include "base/clock.h"
#include "base/intrusive_list.h"
#include "cluster/completions.h"
#include "memory/pool.h"
#include "spillway/compression.h"
#include "wire/record_batch.h"

namespace spillway {

struct Partition;

// Bytes of a record that stay in the caller's chunk or span, or in borrowed memory.
struct Piece {
  const std::byte* data;  // nullptr: the next `size` bytes of the pages
  std::uint32_t size;
  BlockId block;  // released with the batch, if `owned`
  std::uint32_t generation;
  bool owned;
};

struct ProducerIdentity {
  std::int64_t id = -1;
  std::int16_t epoch = -1;
  bool operator==(const ProducerIdentity&) const = default;
};

class Batch {
 public:
  // nullptr: the pool has no page.
  static Batch* create(Pool& pool, Partition& partition, MonoTime now) noexcept;
  // Releases every page and every block it refers to. The pointer is dead afterwards.
  static void destroy(Batch* batch, Pool& pool) noexcept;

  // Copies a record. False: no page; nothing has changed.
  [[nodiscard]] bool append_copy(std::span<const std::byte> tail, std::int64_t timestamp_ms,
                                 const Completion& completion, Pool& pool) noexcept {
    SPILL_DCHECK(!closed_, "a closed batch takes no record");
    if (kPageBytes - last_->used < wire::kRecordPrefixSizeMax + tail.size()) [[unlikely]] {
      return append_split(tail, timestamp_ms, completion, pool);
    }
    if (!completions_.append(completion, pool)) return false;
    std::byte* const begin = pool.data(last_) + last_->used;
    std::byte* const end = wire::write_prefix(begin, tail.size(), delta(timestamp_ms),
                                              static_cast<std::int32_t>(record_count_));
    std::memcpy(end, tail.data(), tail.size());
    const auto size = static_cast<std::size_t>(end - begin) + tail.size();
    last_->used += static_cast<std::uint32_t>(size);
    if (piece_first_ != nullptr) [[unlikely]]
      extend_run(size);
    count_record(size, timestamp_ms);
    return true;
  }
  // Refers to a record whose tail is `parts`, one after the other. The prefix is written into the
  // bytes just before the first part, which must have kRecordPrefixSizeMax bytes of room. One
  // release of `block` is owed by the batch afterwards. False as above.
  [[nodiscard]] bool append_reference(std::span<const std::span<const std::byte>> parts,
                                      BlockId block, std::uint32_t generation,
                                      std::int64_t timestamp_ms, const Completion& completion,
                                      Pool& pool) noexcept;

  // Bytes on the wire if a record with this tail were added.
  [[nodiscard]] std::size_t size_with(std::size_t tail_size) const noexcept {
    return wire::kBatchHeaderSize + records_size_ + wire::kRecordPrefixSizeMax + tail_size;
  }
  [[nodiscard]] std::size_t wire_size() const noexcept {
    return wire::kBatchHeaderSize + records_size_;
  }
  [[nodiscard]] std::uint32_t record_count() const noexcept { return record_count_; }
  [[nodiscard]] std::size_t records_size() const noexcept { return records_size_; }
  // Memory that this batch holds: its pages and what it refers to.
  [[nodiscard]] std::size_t held_bytes() const noexcept {
    return held_bytes_ + completions_.held_bytes();
  }
  [[nodiscard]] Completions::Cursor completions() const { return {completions_, pool_}; }
  // Calls visit(callback, context, index of the record, records), see Completions::for_each.
  template <typename Visit>
  void for_each_completion(Visit visit) const {
    completions_.for_each(pool_, visit);
  }

  // --- packing
  // False once closed: the records are what will be sent.
  [[nodiscard]] bool takes_records() const noexcept { return !closed_; }
  void close() noexcept { closed_ = true; }
  // The bytes of all records, in wire order, into records_size() bytes.
  void copy_records(std::byte* out) const noexcept;
  // Puts `packed`, which must be smaller, in the place of the records, and gives back the memory
  // that this frees. False: no page; nothing has changed. Closes the batch.
  [[nodiscard]] bool replace_records(Codec codec, std::span<const std::byte> packed,
                                     Pool& pool) noexcept;
  [[nodiscard]] Codec codec() const noexcept { return codec_; }

  // The same records in new batches of at most `bytes_max` bytes each (a record that alone is
  // larger is alone), in a chain by `next`; the records whose indexes are in `omit`, ascending, are
  // left out. `unpacked`: the records of a packed batch. The new batches are as old as this one and
  // stand in its place; it keeps its records and must still be destroyed. nullptr: no page, or
  // nothing would be left.
  [[nodiscard]] Batch* rebuild(std::span<const std::byte> unpacked, std::size_t bytes_max,
                               std::span<const std::int32_t> omit, Pool& pool) const noexcept;

  // First send: writes the header, and from here on the bytes never change (a retry must be
  // identical: KIP-98). The checksum of the records is computed once; a later call with another
  // identity only writes the header again.
  void seal(const ProducerIdentity& identity, std::int32_t base_sequence,
            bool transactional = false) noexcept;
  [[nodiscard]] const ProducerIdentity& identity() const noexcept { return identity_; }
  [[nodiscard]] std::int32_t base_sequence() const noexcept { return base_sequence_; }

  // Fills `out` with the bytes from wire position `position` on. Returns how many entries it used.
  [[nodiscard]] std::size_t gather(std::size_t position, std::span<iovec> out) const noexcept;

  // Intrusive links and facts that the engine keeps.
  Batch* next = nullptr;    // in its partition's queue, or in its request
  ListLink<Batch> age;      // in the list of all batches, by creation
  ListLink<Batch> to_pack;  // in the list of those that wait for the packer thread
  Partition* const partition;
  MonoTime created;
  std::uint64_t number = 0;  // by creation
  std::uint32_t order = 0;   // of the first send within the partition
  std::uint16_t sends = 0;
  bool in_flight = false;
  std::uint8_t packer_choice = 0;
  bool packing = false;   // waits for the packer thread or is with it: must not be sent
  bool in_doubt = false;  // an attempt may have reached the log, and no answer has ruled it out

 private:
  friend class Rebuild;

  Batch(Pool& pool, Partition& owner, MonoTime now, Page* page) noexcept
      : partition(&owner),
        created(now),
        pool_(pool),
        first_(page),
        last_(page),
        checked_page_(page),
        checked_(page->used) {}

  [[nodiscard]] std::int64_t delta(std::int64_t timestamp_ms) noexcept {
    if (record_count_ == 0) base_timestamp_ms_ = max_timestamp_ms_ = timestamp_ms;
    return timestamp_ms - base_timestamp_ms_;
  }
  void count_record(std::size_t size, std::int64_t timestamp_ms) noexcept {
    ++record_count_;
    records_size_ += size;
    max_timestamp_ms_ = std::max(max_timestamp_ms_, timestamp_ms);
  }
  [[nodiscard]] bool append_split(std::span<const std::byte> tail, std::int64_t timestamp_ms,
                                  const Completion& completion, Pool& pool) noexcept;
  // Room for a whole record, its prefix and its completion; the tail follows with put(). False: no
  // page.
  [[nodiscard]] bool begin_record(std::size_t tail_size, std::int64_t timestamp_ms,
                                  const Completion& completion, Pool& pool) noexcept;
  [[nodiscard]] Page* ensure_byte_room(std::size_t size, Pool& pool) noexcept;
  void put(const void* data, std::size_t size) noexcept;
  [[nodiscard]] bool ensure_piece_room(std::uint32_t pieces, Pool& pool) noexcept;
  void put_piece(const Piece& piece) noexcept;
  void extend_run(std::size_t size) noexcept;
  void checksum_pages() noexcept;
  void release_pieces(Pool& pool) noexcept;
  template <typename Visit>
  void for_each_range(Visit visit) const;

  Pool& pool_;
  Page* const first_;
  Page* last_;
  Page* piece_first_ = nullptr;
  Page* piece_last_ = nullptr;
  std::uint32_t record_count_ = 0;
  std::size_t records_size_ = 0;
  std::size_t held_bytes_ = kPageBytes;
  std::int64_t base_timestamp_ms_ = 0;
  std::int64_t max_timestamp_ms_ = 0;
  ProducerIdentity identity_;
  std::int32_t base_sequence_ = -1;
  // Of the pages up to checked_ in checked_page_, and of what is referred to before that point.
  std::uint32_t records_crc_ = 0;
  Page* checked_page_;
  std::uint32_t checked_;
  bool closed_ = false;
  Codec codec_ = Codec::None;
  std::array<std::byte, wire::kBatchHeaderSize> header_;
  Completions completions_;
};

using BatchAges = IntrusiveList<Batch, &Batch::age>;
using BatchesToPack = IntrusiveList<Batch, &Batch::to_pack>;

}  // namespace spillway
