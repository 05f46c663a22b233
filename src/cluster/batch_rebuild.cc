// A batch that a broker refused, cut into others: into smaller ones, or without its bad records.

#include <algorithm>

#include "cluster/batch.h"
#include "wire/varint.h"

namespace spillway {

// Reads the records of one batch as a stream of bytes, wherever they are cut into ranges, and
// writes them into new batches.
//
//    | length | attributes | time Δ | offset Δ | tail …            first the prefix is collected,
//    then the tail is passed on
class Rebuild {
 public:
  Rebuild(const Batch& from, std::size_t bytes_max, std::span<const std::int32_t> omit,
          Pool& pool) noexcept
      : from_(from),
        bytes_max_(bytes_max),
        omit_(omit),
        pool_(pool),
        completions_(from.completions_, pool) {}

  // False: no page, or these are no records.
  bool take(std::span<const std::byte> bytes) noexcept {
    while (!bytes.empty()) {
      if (tail_left_ > 0) {
        const std::size_t part = std::min(tail_left_, bytes.size());
        if (into_ != nullptr) into_->put(bytes.data(), part);
        tail_left_ -= part;
        bytes = bytes.subspan(part);
        continue;
      }
      if (prefix_size_ == prefix_.size()) return false;
      prefix_[prefix_size_++] = bytes.front();
      bytes = bytes.subspan(1);
      if (!begin_if_complete()) return false;
    }
    return true;
  }

  // The chain, or nullptr if the records ended in the middle of one.
  Batch* finish() noexcept {
    const bool whole = tail_left_ == 0 && prefix_size_ == 0 && index_ == from_.record_count();
    if (!whole) drop();
    return first_;
  }
  void drop() noexcept {
    while (first_ != nullptr) {
      Batch* const next = first_->next;
      Batch::destroy(first_, pool_);
      first_ = next;
    }
  }

 private:
  // Bytes of the varint at `at`, 0 if its end has not come yet.
  [[nodiscard]] std::size_t varint_end(std::size_t at) const noexcept {
    while (at < prefix_size_ && (prefix_[at] & std::byte{0x80}) != std::byte{0}) ++at;
    return at < prefix_size_ ? at + 1 : 0;
  }

  bool begin_if_complete() noexcept {
    const std::size_t length_end = varint_end(0);
    const std::size_t time_end = length_end == 0 ? 0 : varint_end(length_end + 1);
    const std::size_t end = time_end == 0 ? 0 : varint_end(time_end);
    if (end == 0) return true;
    const auto length = static_cast<std::size_t>(unzigzag(0));
    const std::int64_t time = from_.base_timestamp_ms_ + unzigzag(length_end + 1);
    if (length < end - length_end) return false;
    tail_left_ = length - (end - length_end);
    prefix_size_ = 0;
    return begin(time);
  }

  [[nodiscard]] std::int64_t unzigzag(std::size_t at) const noexcept {
    std::uint64_t raw = 0;
    for (unsigned shift = 0;; shift += 7, ++at) {  // varint_end has found its end
      raw |= (static_cast<std::uint64_t>(prefix_[at]) & 0x7f) << shift;
      if ((prefix_[at] & std::byte{0x80}) == std::byte{0}) break;
    }
    return static_cast<std::int64_t>(raw >> 1) ^ -static_cast<std::int64_t>(raw & 1);
  }

  bool begin(std::int64_t time) noexcept {
    const Completion completion = completions_.next();
    const auto index = static_cast<std::int32_t>(index_++);
    if (!omit_.empty() && omit_.front() == index) {
      omit_ = omit_.subspan(1);
      into_ = nullptr;  // its tail is skipped
      return true;
    }
    if (last_ == nullptr || last_->size_with(tail_left_) > bytes_max_) {
      if (!add_batch()) return false;
    }
    into_ = last_;
    return last_->begin_record(tail_left_, time, completion, pool_);
  }

  bool add_batch() noexcept {
    Batch* const batch = Batch::create(pool_, *from_.partition, from_.created);
    if (batch == nullptr) return false;
    batch->number = from_.number;
    batch->order = from_.order;
    batch->sends = from_.sends;
    (last_ == nullptr ? first_ : last_->next) = batch;
    last_ = batch;
    return true;
  }

  const Batch& from_;
  const std::size_t bytes_max_;
  std::span<const std::int32_t> omit_;
  Pool& pool_;
  Completions::Cursor completions_;
  std::array<std::byte, wire::kRecordPrefixSizeMax> prefix_;
  std::size_t prefix_size_ = 0;
  std::size_t tail_left_ = 0;
  std::uint32_t index_ = 0;
  Batch* into_ = nullptr;  // of the record that is being read; nullptr: it is left out
  Batch* first_ = nullptr;
  Batch* last_ = nullptr;
};

Batch* Batch::rebuild(std::span<const std::byte> unpacked, std::size_t bytes_max,
                      std::span<const std::int32_t> omit, Pool& pool) const noexcept {
  Rebuild rebuild(*this, bytes_max, omit, pool);
  bool sound = unpacked.empty() || rebuild.take(unpacked);
  const std::size_t end = unpacked.empty() ? wire_size() : 0;
  std::array<iovec, 16> ranges;
  for (std::size_t at = wire::kBatchHeaderSize; sound && at < end;) {
    const std::size_t count = gather(at, ranges);
    for (std::size_t i = 0; sound && i < count; ++i) {
      sound = rebuild.take({static_cast<const std::byte*>(ranges[i].iov_base), ranges[i].iov_len});
      at += ranges[i].iov_len;
    }
  }
  if (!sound) rebuild.drop();
  return rebuild.finish();
}

}  // namespace spillway
