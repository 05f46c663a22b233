// The pool: one budget over three kinds of blocks. See README.md for the picture and the
// invariants.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/mutex.h"
#include "base/units.h"
#include "memory/arena.h"
#include "memory/block_state.h"

namespace spillway {

inline constexpr std::size_t kPageBytes = 4 * kKiB;
inline constexpr std::size_t kChunkBytes = 64 * kKiB;

// Describes one 4 KiB block of a batch. The descriptors lie side by side, away from the bytes:
// walking a chain of pages that have left the cache costs little. The chain's owner is the I/O
// thread.
struct Page {
  Page* next;
  std::uint32_t used;  // bytes, or what else the owner counts
  std::uint32_t index;
};
static_assert(sizeof(Page) == 16, "four descriptors fill a line");

// Names a chunk or a span. Spans follow the chunks in one number space.
enum class BlockId : std::uint32_t {};

struct Block {
  BlockId id;
  std::uint32_t generation;
  std::span<std::byte> bytes;
};

// Chunks of small records are emptied soon (their records are copied into batches) and may only use
// part of the budget; chunks of large records and spans stay until the acknowledgement.
enum class ChunkUse : std::uint8_t { Small, Large };

class Pool {
 public:
  struct Config {
    std::size_t bytes_max = 0;        // pages of all blocks together
    std::size_t small_bytes_max = 0;  // of bytes_max, for ChunkUse::Small
    std::size_t page_reserve = 0;     // of bytes_max, never given to callers
    std::size_t span_bytes_max = 0;   // the largest span
  };

  explicit Pool(const Config& config);
  [[nodiscard]] bool valid() const noexcept;
  // Heap that the constructor takes for its tables, for the plan.
  [[nodiscard]] static std::size_t table_bytes(const Config& config) noexcept;

  // I/O thread only. nullptr: the budget is spent. The page's next is null and its used is 0.
  [[nodiscard]] Page* take_page() noexcept;
  // The page's kPageBytes bytes.
  [[nodiscard]] std::byte* data(const Page* page) const noexcept {
    return pages_.block(page->index);
  }
  // I/O thread only. Takes back the whole chain.
  void return_pages(Page* chain) noexcept;

  // Any thread. nullopt: no room for callers now.
  [[nodiscard]] std::optional<Block> open_chunk(ChunkUse use) noexcept EXCLUDES(mutex_);
  [[nodiscard]] std::optional<Block> open_span(std::size_t bytes) noexcept EXCLUDES(mutex_);
  // Any thread: BlockState's close and release; a block whose last record went becomes free. True:
  // it did.
  bool close(BlockId id, std::uint32_t generation, std::uint32_t records) noexcept;
  bool release(BlockId id, std::uint32_t generation, std::uint32_t count) noexcept;
  [[nodiscard]] std::byte* address(BlockId id) const noexcept {
    const auto index = static_cast<std::uint32_t>(id);
    return index < chunks_.count() ? chunks_.block(index) : spans_.block(index - chunks_.count());
  }
  [[nodiscard]] std::uint32_t generation(BlockId id) const noexcept {
    return meta_[static_cast<std::uint32_t>(id)].state.generation();
  }

  // I/O thread, when the level has been low for a while: gives up to `bytes` of free touched memory
  // back to the system. Returns what it gave. Costs about 1 µs for each block.
  std::size_t trim(std::size_t bytes) noexcept EXCLUDES(mutex_);

  // Any thread, a relaxed load each.
  [[nodiscard]] std::size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t used_peak() const noexcept {
    return used_peak_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t resident() const noexcept {
    return resident_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t bytes_max() const noexcept { return config_.bytes_max; }
  [[nodiscard]] std::size_t span_bytes_max() const noexcept { return config_.span_bytes_max; }
  // Free for the I/O thread's pages. A relaxed load.
  [[nodiscard]] std::size_t available() const noexcept { return config_.bytes_max - used(); }

 private:
  // Free blocks of one kind: touched ones first, then never touched ones, then those given back.
  struct FreeList {
    std::unique_ptr<std::uint32_t[]> touched;
    std::unique_ptr<std::uint32_t[]> returned;
    std::uint32_t touched_count = 0;
    std::uint32_t returned_count = 0;
    std::uint32_t fresh = 0;  // blocks from here on were never taken
    std::uint32_t count = 0;

    void reset(std::uint32_t blocks);
    [[nodiscard]] bool empty() const {
      return touched_count + returned_count == 0 && fresh == count;
    }
    std::uint32_t take_untouched();
  };
  struct alignas(64) Meta {
    BlockState<> state;
    std::atomic<std::uint32_t> pages{0};  // charged in this life
    std::uint32_t touched_pages = 0;      // resident while free; guarded by mutex_
    ChunkUse use = ChunkUse::Small;       // of this life
  };

  static constexpr std::uint32_t kPageCache =
      32;  // pages that the I/O thread takes and returns at a time

  std::optional<Block> open_block(FreeList& list, std::uint32_t meta_base, std::size_t bytes,
                                  ChunkUse use) REQUIRES(mutex_);
  bool admits_caller(std::size_t bytes, ChunkUse use) const REQUIRES(mutex_);
  bool make_resident(std::size_t bytes) REQUIRES(mutex_);
  bool discard_one() REQUIRES(mutex_);
  void charge(std::size_t bytes) REQUIRES(mutex_);
  void recycle(BlockId id) noexcept EXCLUDES(mutex_);
  void refill_page_cache() noexcept EXCLUDES(mutex_);
  void spill_page_cache() noexcept EXCLUDES(mutex_);

  const Config config_;
  Arena pages_;
  Arena chunks_;
  Arena spans_;
  std::unique_ptr<Meta[]> meta_;  // of chunks, then of spans
  std::unique_ptr<Page[]> page_table_;

  // I/O thread only.
  std::array<Page*, std::size_t{2} * kPageCache> page_cache_{};
  std::uint32_t page_cache_count_ = 0;

  mutable Mutex mutex_;
  FreeList free_pages_ GUARDED_BY(mutex_);
  FreeList free_chunks_ GUARDED_BY(mutex_);
  FreeList free_spans_ GUARDED_BY(mutex_);
  std::size_t small_used_ GUARDED_BY(mutex_) = 0;
  std::size_t caller_used_ GUARDED_BY(mutex_) = 0;

  // Written under mutex_, read anywhere.
  std::atomic<std::size_t> used_{0};
  std::atomic<std::size_t> used_peak_{0};
  std::atomic<std::size_t> resident_{0};
};

}  // namespace spillway
