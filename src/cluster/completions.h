// The callbacks of one batch's records, in record order, packed.
//
//   run   | callback | count | context |                       all records share both words
//         | callback | count + kDistinct | context | context | …      a context for each record
//
// Consecutive records with the same callback share a run, so a record costs 8 bytes, or nothing
// when it repeats both words. The first words lie in the batch itself, the others in pages. I/O
// thread only.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "memory/pool.h"
#include "spillway/delivery.h"

namespace spillway {

class Completions {
 public:
  // False: a page was needed and the pool had none; nothing has changed.
  [[nodiscard]] bool append(const Completion& completion, Pool& pool) noexcept {
    if (run_ != nullptr && completion.callback == callback_) {
      if (!distinct() && completion.context == last_context_) return ++*run_, true;
      if (distinct() || count() == 1) return append_context(completion.context, pool);
    }
    return append_run(completion, pool);
  }

  // Calls visit(callback, context, index of the record, records) in record order; several records
  // at once when they share both words.
  template <typename Visit>
  void for_each(const Pool& pool, Visit visit) const {
    Reader reader(*this, pool);
    std::uint32_t index = 0;
    while (reader.more()) {
      const auto callback = std::bit_cast<DeliveryCallback>(reader.next());
      const std::uint64_t run = reader.next();
      const auto records = static_cast<std::uint32_t>(run);
      if ((run & kDistinct) == 0) {
        visit(callback, std::bit_cast<void*>(reader.next()), index, records);
        index += records;
        continue;
      }
      for (std::uint32_t i = 0; i < records; ++i) {
        visit(callback, std::bit_cast<void*>(reader.next()), index++, std::uint32_t{1});
      }
    }
  }

  // The same, one record at a time. The completions must not change meanwhile.
  class Cursor;

  [[nodiscard]] Page* pages() const noexcept { return first_; }
  [[nodiscard]] std::size_t held_bytes() const noexcept { return held_bytes_; }

 private:
  static constexpr std::uint64_t kDistinct = std::uint64_t{1} << 32;
  static constexpr std::uint32_t kInlineWords = 4;
  static constexpr std::uint32_t kPageWords = kPageBytes / sizeof(std::uint64_t);

  [[nodiscard]] bool distinct() const noexcept { return (*run_ & kDistinct) != 0; }
  [[nodiscard]] std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(*run_); }

  bool append_context(void* context, Pool& pool) noexcept {
    std::uint64_t* word = claim(pool);
    if (word == nullptr) return false;
    *word = std::bit_cast<std::uint64_t>(context);
    *run_ = (*run_ | kDistinct) + 1;
    last_context_ = context;
    return true;
  }

  bool append_run(const Completion& completion, Pool& pool) noexcept {
    if (!ensure_room(3, pool)) return false;
    *claim(pool) = std::bit_cast<std::uint64_t>(completion.callback);
    run_ = claim(pool);
    *run_ = 1;
    *claim(pool) = std::bit_cast<std::uint64_t>(completion.context);
    callback_ = completion.callback;
    last_context_ = completion.context;
    return true;
  }

  [[nodiscard]] std::uint32_t room() const noexcept {
    return last_ == nullptr ? kInlineWords - inline_used_ : kPageWords - last_->used;
  }

  // Words of a run's head may be split between two places, so room counts one page beyond.
  bool ensure_room(std::uint32_t words, Pool& pool) noexcept {
    if (room() >= words || spare_ != nullptr) return true;
    spare_ = pool.take_page();
    held_bytes_ += spare_ != nullptr ? kPageBytes : 0;
    return spare_ != nullptr;
  }

  std::uint64_t* claim(Pool& pool) noexcept {
    if (room() == 0) {
      if (!ensure_room(1, pool)) return nullptr;
      (last_ == nullptr ? first_ : last_->next) = spare_;
      last_ = spare_;
      spare_ = nullptr;
    }
    if (last_ == nullptr) return &inline_[inline_used_++];
    return reinterpret_cast<std::uint64_t*>(pool.data(last_)) + last_->used++;
  }

  class Reader {
   public:
    Reader(const Completions& from, const Pool& pool)
        : pool_(pool),
          word_(from.inline_.data()),
          end_(word_ + from.inline_used_),
          next_page_(from.first_) {}
    bool more() {
      if (word_ == end_ && next_page_ != nullptr) {
        word_ = reinterpret_cast<const std::uint64_t*>(pool_.data(next_page_));
        end_ = word_ + next_page_->used;
        next_page_ = next_page_->next;
      }
      return word_ != end_;
    }
    std::uint64_t next() {
      (void)more();
      return *word_++;
    }

   private:
    const Pool& pool_;
    const std::uint64_t* word_;
    const std::uint64_t* end_;
    const Page* next_page_;
  };

  std::array<std::uint64_t, kInlineWords> inline_{};
  std::uint64_t* run_ = nullptr;  // the count word of the last run
  DeliveryCallback callback_ = nullptr;
  void* last_context_ = nullptr;
  Page* first_ = nullptr;
  Page* last_ = nullptr;
  Page* spare_ = nullptr;  // taken, not yet linked

  std::size_t held_bytes_ = 0;
  std::uint32_t inline_used_ = 0;

 public:
  // Every page, the spare included, as one chain; the object is empty afterwards.
  [[nodiscard]] Page* take_pages() noexcept {
    if (spare_ != nullptr) {
      spare_->next = first_;
      first_ = spare_;
    }
    Page* chain = first_;
    first_ = last_ = spare_ = nullptr;
    return chain;
  }
};

class Completions::Cursor {
 public:
  Cursor(const Completions& from, const Pool& pool) : reader_(from, pool) {}
  // At most once for each record.
  [[nodiscard]] Completion next() {
    if (left_ == 0) {
      callback_ = std::bit_cast<DeliveryCallback>(reader_.next());
      const std::uint64_t run = reader_.next();
      left_ = static_cast<std::uint32_t>(run);
      distinct_ = (run & kDistinct) != 0;
      if (!distinct_) context_ = std::bit_cast<void*>(reader_.next());
    }
    --left_;
    if (distinct_) context_ = std::bit_cast<void*>(reader_.next());
    return {callback_, context_};
  }

 private:
  Reader reader_;
  DeliveryCallback callback_ = nullptr;
  void* context_ = nullptr;
  std::uint32_t left_ = 0;
  bool distinct_ = false;
};

}  // namespace spillway
