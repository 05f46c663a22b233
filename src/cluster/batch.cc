#include "cluster/batch.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/check.h"
#include "base/crc32c.h"

namespace spillway {
namespace {

constexpr std::size_t kPieceMax = kPageBytes / sizeof(Piece);  // in one page
constexpr std::size_t kFirstPageUsed = round_up(sizeof(Batch), 16);
static_assert(kFirstPageUsed <= 512,
              "the rest of the first page must hold the records of an idle partition");

Piece* pieces_of(const Pool& pool, const Page* page) noexcept {
  return reinterpret_cast<Piece*>(pool.data(page));
}

}  // namespace

Batch* Batch::create(Pool& pool, Partition& partition, MonoTime now) noexcept {
  Page* page = pool.take_page();
  if (page == nullptr) return nullptr;
  page->used = kFirstPageUsed;
  return new (pool.data(page)) Batch(pool, partition, now, page);
}

void Batch::destroy(Batch* batch, Pool& pool) noexcept {
  batch->release_pieces(pool);
  pool.return_pages(batch->completions_.take_pages());
  pool.return_pages(batch->first_);  // the batch itself goes with it: last
}

void Batch::release_pieces(Pool& pool) noexcept {
  for (Page* page = piece_first_; page != nullptr; page = page->next) {
    for (const Piece* piece = pieces_of(pool, page); piece != pieces_of(pool, page) + page->used;
         ++piece) {
      if (piece->owned) (void)pool.release(piece->block, piece->generation, 1);
    }
  }
  pool.return_pages(piece_first_);
  piece_first_ = piece_last_ = nullptr;
}

// Chains pages until `size` more bytes fit. Returns the page to cut back to (its next) if a later
// step fails; nullptr: no page.
Page* Batch::ensure_byte_room(std::size_t size, Pool& pool) noexcept {
  Page* const mark = last_;
  std::size_t room = kPageBytes - last_->used;
  Page* tail = last_;
  while (room < size) {
    Page* page = pool.take_page();
    if (page == nullptr) {
      pool.return_pages(mark->next);
      mark->next = nullptr;
      return nullptr;
    }
    tail = tail->next = page;
    room += kPageBytes;
  }
  return mark;
}

void Batch::put(const void* data, std::size_t size) noexcept {
  const auto* from = static_cast<const std::byte*>(data);
  for (;;) {
    const std::size_t part = std::min(size, kPageBytes - last_->used);
    std::memcpy(pool_.data(last_) + last_->used, from, part);
    last_->used += static_cast<std::uint32_t>(part);
    if (part == size) return;
    from += part;
    size -= part;
    last_ = last_->next;
    held_bytes_ += kPageBytes;
  }
}

// The record does not fit the last page: it goes on in the next ones.
bool Batch::append_split(std::span<const std::byte> tail, std::int64_t timestamp_ms,
                         const Completion& completion, Pool& pool) noexcept {
  if (!begin_record(tail.size(), timestamp_ms, completion, pool)) return false;
  put(tail.data(), tail.size());
  return true;
}

bool Batch::begin_record(std::size_t tail_size, std::int64_t timestamp_ms,
                         const Completion& completion, Pool& pool) noexcept {
  std::array<std::byte, wire::kRecordPrefixSizeMax> prefix;
  const auto prefix_size =
      static_cast<std::size_t>(wire::write_prefix(prefix.data(), tail_size, delta(timestamp_ms),
                                                  static_cast<std::int32_t>(record_count_)) -
                               prefix.data());
  const std::size_t size = prefix_size + tail_size;
  Page* const mark = ensure_byte_room(size, pool);
  if (mark == nullptr) return false;
  if (!completions_.append(completion, pool)) {
    pool.return_pages(mark->next);
    mark->next = nullptr;
    return false;
  }
  checksum_pages();
  put(prefix.data(), prefix_size);
  if (piece_first_ != nullptr) extend_run(size);
  count_record(size, timestamp_ms);
  return true;
}

bool Batch::append_reference(std::span<const std::span<const std::byte>> parts, BlockId block,
                             std::uint32_t generation, std::int64_t timestamp_ms,
                             const Completion& completion, Pool& pool) noexcept {
  SPILL_DCHECK(!closed_, "a closed batch takes no record");
  const auto parts_count = static_cast<std::uint32_t>(parts.size());
  if (!ensure_piece_room(parts_count + 1, pool) || !completions_.append(completion, pool))
    return false;
  std::size_t tail_size = 0;
  for (const auto& part : parts) tail_size += part.size();
  const std::int64_t time_delta = delta(timestamp_ms);
  const auto offset_delta = static_cast<std::int32_t>(record_count_);
  const std::size_t prefix_size = wire::prefix_size(tail_size, time_delta, offset_delta);
  std::byte* const begin = const_cast<std::byte*>(parts[0].data()) - prefix_size;
  (void)wire::write_prefix(begin, tail_size, time_delta, offset_delta);
  checksum_pages();
  records_crc_ = crc32c(records_crc_, begin, prefix_size + parts[0].size());
  for (const auto& part : parts.subspan(1)) {
    records_crc_ = crc32c(records_crc_, part.data(), part.size());
  }
  put_piece(
      {begin, static_cast<std::uint32_t>(prefix_size + parts[0].size()), block, generation, true});
  for (const auto& part : parts.subspan(1)) {
    if (!part.empty())
      put_piece({part.data(), static_cast<std::uint32_t>(part.size()), block, generation, false});
  }
  count_record(prefix_size + tail_size, timestamp_ms);
  held_bytes_ += prefix_size + tail_size;
  return true;
}

// Brings the checksum up to the last byte of the pages. Called while these bytes are still in the
// cache; by the time a long queue lets the batch go they would have to come from memory again.
void Batch::checksum_pages() noexcept {
  for (;; checked_page_ = checked_page_->next, checked_ = 0) {
    records_crc_ =
        crc32c(records_crc_, pool_.data(checked_page_) + checked_, checked_page_->used - checked_);
    checked_ = checked_page_->used;
    if (checked_page_ == last_) return;
  }
}

bool Batch::ensure_piece_room(std::uint32_t pieces, Pool& pool) noexcept {
  if (piece_last_ != nullptr && piece_last_->used + pieces <= kPieceMax) return true;
  Page* page = pool.take_page();
  if (page == nullptr) return false;
  const bool first = piece_last_ == nullptr;
  (first ? piece_first_ : piece_last_->next) = page;
  piece_last_ = page;
  held_bytes_ += kPageBytes;
  if (first && records_size_ > 0) extend_run(records_size_);
  return true;
}

void Batch::put_piece(const Piece& piece) noexcept {
  pieces_of(pool_, piece_last_)[piece_last_->used++] = piece;
}

// The pages have grown by `size` bytes: the last piece says so. A new piece may be needed;
// ensure_piece_room leaves one free.
void Batch::extend_run(std::size_t size) noexcept {
  Piece* last =
      piece_last_->used == 0 ? nullptr : &pieces_of(pool_, piece_last_)[piece_last_->used - 1];
  if (last != nullptr && last->data == nullptr) {
    last->size += static_cast<std::uint32_t>(size);
    return;
  }
  put_piece({nullptr, static_cast<std::uint32_t>(size), BlockId{}, 0, false});
}

// Calls visit(data, size) for the ranges of the records in wire order until it returns false.
template <typename Visit>
void Batch::for_each_range(Visit visit) const {
  const Page* page = first_;
  std::size_t offset = kFirstPageUsed;
  const auto pages = [&](std::size_t size) {
    while (size > 0) {
      const std::size_t part = std::min<std::size_t>(size, page->used - offset);
      if (part > 0 && !visit(pool_.data(page) + offset, part)) return false;
      size -= part;
      offset += part;
      if (size == 0) break;
      page = page->next;
      offset = 0;
    }
    return true;
  };
  if (piece_first_ == nullptr) {
    (void)pages(records_size_);
    return;
  }
  for (Page* list = piece_first_; list != nullptr; list = list->next) {
    for (const Piece* piece = pieces_of(pool_, list); piece != pieces_of(pool_, list) + list->used;
         ++piece) {
      const bool more =
          piece->data == nullptr ? pages(piece->size) : visit(piece->data, piece->size);
      if (!more) return;
    }
  }
}

void Batch::copy_records(std::byte* out) const noexcept {
  for_each_range([&out](const std::byte* data, std::size_t size) {
    std::memcpy(out, data, size);
    out += size;
    return true;
  });
}

// The pages that hold records now will hold the packed bytes. Where records lie elsewhere there may
// be too few.
bool Batch::replace_records(Codec codec, std::span<const std::byte> packed, Pool& pool) noexcept {
  SPILL_DCHECK(packed.size() < records_size_, "packing makes a batch smaller");
  Page* const mark = last_;
  std::size_t room = kPageBytes - kFirstPageUsed;
  for (const Page* page = first_->next; page != nullptr; page = page->next) room += kPageBytes;
  for (Page* end = last_; room < packed.size(); room += kPageBytes, end = end->next) {
    end->next = pool.take_page();
    if (end->next == nullptr) {
      pool.return_pages(mark->next);
      mark->next = nullptr;
      return false;
    }
  }
  release_pieces(pool);
  for (Page* page = first_; page != nullptr; page = page->next) page->used = 0;
  first_->used = kFirstPageUsed;
  last_ = first_;
  held_bytes_ = kPageBytes;
  put(packed.data(), packed.size());
  pool.return_pages(last_->next);
  last_->next = nullptr;
  records_size_ = packed.size();
  records_crc_ = crc32c(0, packed.data(), packed.size());
  checked_page_ = last_;
  checked_ = last_->used;
  codec_ = codec;
  closed_ = true;
  return true;
}

void Batch::seal(const ProducerIdentity& identity, std::int32_t base_sequence,
                 bool transactional) noexcept {
  checksum_pages();
  closed_ = true;
  identity_ = identity;
  base_sequence_ = base_sequence;
  wire::BatchHeader header;
  header.attributes = static_cast<std::int16_t>(static_cast<int>(codec_) |
                                                (transactional ? wire::kTransactional : 0));
  header.last_offset_delta = static_cast<std::int32_t>(record_count_) - 1;
  header.base_timestamp_ms = base_timestamp_ms_;
  header.max_timestamp_ms = max_timestamp_ms_;
  header.producer_id = identity.id;
  header.producer_epoch = identity.epoch;
  header.base_sequence = base_sequence;
  header.record_count = static_cast<std::int32_t>(record_count_);
  wire::write_batch_header(header_.data(), header, records_size_, records_crc_);
}

std::size_t Batch::gather(std::size_t position, std::span<iovec> out) const noexcept {
  std::size_t used = 0;
  const auto add = [&](const std::byte* data, std::size_t size) {
    if (position >= size) {
      position -= size;
      return true;
    }
    out[used++] = {const_cast<std::byte*>(data) + position, size - position};
    position = 0;
    return used < out.size();
  };
  if (add(header_.data(), header_.size())) for_each_range(add);
  return used;
}

}  // namespace spillway
