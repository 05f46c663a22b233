#include "memory/pool.h"

#include <algorithm>

#include "base/check.h"

namespace spillway {
namespace {

// A record goes to a span from a quarter of a chunk on, so a span is never smaller than this.
constexpr std::size_t kSpanBytesMin = kChunkBytes / 4;

std::uint32_t count_of(std::size_t bytes, std::size_t block) {
  return static_cast<std::uint32_t>(bytes / block);
}

}  // namespace

void Pool::FreeList::reset(std::uint32_t blocks) {
  count = blocks;
  touched = std::make_unique_for_overwrite<std::uint32_t[]>(blocks);
  returned = std::make_unique_for_overwrite<std::uint32_t[]>(blocks);
}

std::uint32_t Pool::FreeList::take_untouched() {
  return returned_count > 0 ? returned[--returned_count] : fresh++;
}

Pool::Pool(const Config& config)
    : config_(config),
      pages_(kPageBytes, count_of(config.bytes_max, kPageBytes)),
      chunks_(kChunkBytes, count_of(config.bytes_max, kChunkBytes)),
      spans_(round_up(config.span_bytes_max, kPageBytes),
             count_of(config.bytes_max, kSpanBytesMin)),
      meta_(std::make_unique<Meta[]>(chunks_.count() + spans_.count())),
      page_table_(std::make_unique<Page[]>(pages_.count())) {
  for (std::uint32_t i = 0; i < pages_.count(); ++i) page_table_[i].index = i;
  MutexLock lock(mutex_);
  free_pages_.reset(pages_.count());
  free_chunks_.reset(chunks_.count());
  free_spans_.reset(spans_.count());
}

bool Pool::valid() const noexcept {
  return pages_.valid() && chunks_.valid() && spans_.valid();
}

std::size_t Pool::table_bytes(const Config& config) noexcept {
  const std::size_t blocks = config.bytes_max / kChunkBytes + config.bytes_max / kSpanBytesMin;
  return blocks * (sizeof(Meta) + 2 * sizeof(std::uint32_t)) +
         config.bytes_max / kPageBytes * (sizeof(Page) + 2 * sizeof(std::uint32_t));
}

Page* Pool::take_page() noexcept {
  if (page_cache_count_ == 0) refill_page_cache();
  if (page_cache_count_ == 0) return nullptr;
  Page* page = page_cache_[--page_cache_count_];
  page->next = nullptr;
  page->used = 0;
  return page;
}

void Pool::return_pages(Page* chain) noexcept {
  while (chain != nullptr) {
    Page* next = chain->next;
    if (page_cache_count_ == page_cache_.size()) spill_page_cache();
    page_cache_[page_cache_count_++] = chain;
    chain = next;
  }
  // Near the limit a cached page is a page that a caller misses.
  if (available() < config_.page_reserve && page_cache_count_ > 0) spill_page_cache();
}

void Pool::refill_page_cache() noexcept {
  MutexLock lock(mutex_);
  while (page_cache_count_ < kPageCache && used() + kPageBytes <= config_.bytes_max) {
    std::uint32_t index = 0;
    if (free_pages_.touched_count > 0) {
      index = free_pages_.touched[--free_pages_.touched_count];
    } else {
      if (free_pages_.empty() || !make_resident(kPageBytes)) break;
      index = free_pages_.take_untouched();
    }
    charge(kPageBytes);
    page_cache_[page_cache_count_++] = &page_table_[index];
    if (config_.bytes_max - used() < config_.page_reserve)
      break;  // one at a time when it is scarce
  }
}

void Pool::spill_page_cache() noexcept {
  MutexLock lock(mutex_);
  const std::uint32_t keep =
      config_.bytes_max - used() < config_.page_reserve ? 0 : page_cache_count_ - kPageCache;
  while (page_cache_count_ > keep) {
    Page* page = page_cache_[--page_cache_count_];
    free_pages_.touched[free_pages_.touched_count++] = page->index;
    used_.store(used() - kPageBytes, std::memory_order_relaxed);
  }
}

std::optional<Block> Pool::open_chunk(ChunkUse use) noexcept {
  MutexLock lock(mutex_);
  return open_block(free_chunks_, 0, kChunkBytes, use);
}

std::optional<Block> Pool::open_span(std::size_t bytes) noexcept {
  SPILL_CHECK(bytes <= config_.span_bytes_max, "the caller checks the size of a record first");
  MutexLock lock(mutex_);
  return open_block(free_spans_, chunks_.count(),
                    round_up(std::max(bytes, kSpanBytesMin), kPageBytes), ChunkUse::Large);
}

std::optional<Block> Pool::open_block(FreeList& list, std::uint32_t meta_base, std::size_t bytes,
                                      ChunkUse use) {
  if (list.empty() || !admits_caller(bytes, use)) return std::nullopt;
  std::uint32_t index = 0;
  if (list.touched_count > 0) {
    index = list.touched[--list.touched_count];
    Meta& meta = meta_[meta_base + index];
    const std::size_t touched = std::size_t{meta.touched_pages} * kPageBytes;
    if (touched > bytes) {  // a smaller span now: the rest would stay resident and uncounted
      const auto arena = meta_base == 0 ? &chunks_ : &spans_;
      arena->discard(index, touched);
      resident_.store(resident() - touched, std::memory_order_relaxed);
      meta.touched_pages = 0;
    }
    const std::size_t missing = bytes - std::size_t{meta.touched_pages} * kPageBytes;
    if (!make_resident(missing)) {
      list.touched[list.touched_count++] = index;
      return std::nullopt;
    }
  } else {
    if (!make_resident(bytes)) return std::nullopt;
    index = list.take_untouched();
  }
  Meta& meta = meta_[meta_base + index];
  meta.touched_pages = count_of(bytes, kPageBytes);
  meta.pages.store(meta.touched_pages, std::memory_order_relaxed);
  meta.use = use;
  charge(bytes);
  caller_used_ += bytes;
  if (use == ChunkUse::Small) small_used_ += bytes;
  const BlockId id{meta_base + index};
  return Block{id, meta.state.open(), {address(id), bytes}};
}

bool Pool::admits_caller(std::size_t bytes, ChunkUse use) const {
  if (used() + bytes > config_.bytes_max) return false;
  if (caller_used_ + bytes > config_.bytes_max - config_.page_reserve) return false;
  return use != ChunkUse::Small || small_used_ + bytes <= config_.small_bytes_max;
}

bool Pool::make_resident(std::size_t bytes) {
  while (resident() + bytes > config_.bytes_max) {
    if (!discard_one()) return false;
  }
  resident_.store(resident() + bytes, std::memory_order_relaxed);
  return true;
}

bool Pool::discard_one() {
  const auto discard_block = [this](FreeList& list, Arena& arena, std::uint32_t meta_base) {
    const std::uint32_t index = list.touched[--list.touched_count];
    Meta& meta = meta_[meta_base + index];
    const std::size_t bytes = std::size_t{meta.touched_pages} * kPageBytes;
    arena.discard(index, bytes);
    meta.touched_pages = 0;
    list.returned[list.returned_count++] = index;
    resident_.store(resident() - bytes, std::memory_order_relaxed);
    return true;
  };
  if (free_spans_.touched_count > 0) return discard_block(free_spans_, spans_, chunks_.count());
  if (free_chunks_.touched_count > 0) return discard_block(free_chunks_, chunks_, 0);
  if (free_pages_.touched_count == 0) return false;
  const std::uint32_t index = free_pages_.touched[--free_pages_.touched_count];
  pages_.discard(index, kPageBytes);
  free_pages_.returned[free_pages_.returned_count++] = index;
  resident_.store(resident() - kPageBytes, std::memory_order_relaxed);
  return true;
}

void Pool::charge(std::size_t bytes) {
  const std::size_t now = used() + bytes;
  used_.store(now, std::memory_order_relaxed);
  if (now > used_peak()) used_peak_.store(now, std::memory_order_relaxed);
  SPILL_DCHECK(now <= resident() && resident() <= config_.bytes_max, "used <= resident <= budget");
}

bool Pool::close(BlockId id, std::uint32_t generation, std::uint32_t records) noexcept {
  if (!meta_[static_cast<std::uint32_t>(id)].state.close(generation, records)) return false;
  recycle(id);
  return true;
}

bool Pool::release(BlockId id, std::uint32_t generation, std::uint32_t count) noexcept {
  if (!meta_[static_cast<std::uint32_t>(id)].state.release(generation, count)) return false;
  recycle(id);
  return true;
}

void Pool::recycle(BlockId id) noexcept {
  const auto index = static_cast<std::uint32_t>(id);
  Meta& meta = meta_[index];
  MutexLock lock(mutex_);
  const std::size_t bytes = std::size_t{meta.pages.load(std::memory_order_relaxed)} * kPageBytes;
  used_.store(used() - bytes, std::memory_order_relaxed);
  caller_used_ -= bytes;
  if (meta.use == ChunkUse::Small) small_used_ -= bytes;
  FreeList& list = index < chunks_.count() ? free_chunks_ : free_spans_;
  list.touched[list.touched_count++] = index < chunks_.count() ? index : index - chunks_.count();
}

std::size_t Pool::trim(std::size_t bytes) noexcept {
  MutexLock lock(mutex_);
  const std::size_t before = resident();
  while (before - resident() < bytes && discard_one()) {
  }
  return before - resident();
}

}  // namespace spillway
