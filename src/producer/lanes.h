// Lanes: where callers put records. A lane is an open chunk for small records, another for large
// ones, and a one-word lock.
//
// Threads share a fixed number of lanes, so neither many threads nor dying ones cost memory. A
// caller holds a lane from the reservation of the bytes until its descriptor is published, a few
// tens of ns, never across user code and never while it waits; so whoever has taken every lane once
// (close) knows that nobody is in the middle of a publish.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/cache_line.h"
#include "cluster/record.h"
#include "memory/pool.h"

namespace spillway {

struct OpenChunk {
  std::byte* base = nullptr;         // nullptr: none is open
  std::uint32_t used = kChunkBytes;  // none is open: nothing fits
  std::uint32_t records = 0;
  BlockId id{};
  std::uint32_t generation = 0;
};

struct alignas(kCacheLinePair) Lane {
  std::atomic<bool> held{false};
  OpenChunk small;
  OpenChunk large;
};

// A place for one record, not yet published. Owes one release of its block.
struct Room {
  RecordHeader* header;
  Descriptor descriptor;
  std::uint32_t generation;  // all 32 bits
};

class Lanes {
 public:
  Lanes(std::uint32_t count, Pool& pool)
      : count_(count), lanes_(std::make_unique<Lane[]>(count)), pool_(pool) {}

  // Any thread: some free lane, tried from the thread's favourite on. nullptr: all are held, even
  // after yielding some times.
  [[nodiscard]] Lane* acquire() noexcept {
    Lane& mine = lanes_[favourite() % count_];
    return try_hold(mine) ? &mine : acquire_any();
  }
  static void release(Lane& lane) noexcept { lane.held.store(false, std::memory_order_release); }

  // Room for a header and `body_bytes` behind it. nullopt: the pool has none now. The holder of the
  // lane.
  [[nodiscard]] std::optional<Room> reserve(Lane& lane, std::size_t body_bytes,
                                            ChunkUse use) noexcept {
    const std::size_t bytes = round_up(sizeof(RecordHeader) + body_bytes, alignof(RecordHeader));
    if (bytes > kChunkRecordMax) [[unlikely]]
      return reserve_span(bytes);
    OpenChunk& chunk = use == ChunkUse::Small ? lane.small : lane.large;
    if (chunk.used + bytes > kChunkBytes) [[unlikely]] {
      if (!refill(chunk, use)) return std::nullopt;
    }
    auto* header = reinterpret_cast<RecordHeader*>(chunk.base + chunk.used);
    const Room room{header, {chunk.id, chunk.used, chunk.generation}, chunk.generation};
    chunk.used += static_cast<std::uint32_t>(bytes);
    ++chunk.records;
    // The publish waits for the record's stores to reach the cache: have the next record's lines
    // there.
    __builtin_prefetch(chunk.base + chunk.used + kPrefetchBytes, 1);
    __builtin_prefetch(chunk.base + chunk.used + kPrefetchBytes + 64, 1);
    return room;
  }
  // A record that will not be published. Any thread.
  void give_back(const Room& room) noexcept {
    (void)pool_.release(room.descriptor.block, room.generation, 1);
  }

  // Waits for every lane once and closes its chunks.
  void close_all() noexcept;

 private:
  // Larger records waste too much of a chunk's end: they get a span.
  static constexpr std::size_t kChunkRecordMax = kChunkBytes / 4;
  static constexpr std::size_t kPrefetchBytes = 256;

  static std::uint32_t favourite() noexcept {
    thread_local const std::uint32_t mine = next_favourite_.fetch_add(1, std::memory_order_relaxed);
    return mine;
  }
  static bool try_hold(Lane& lane) noexcept {
    return !lane.held.load(std::memory_order_relaxed) &&
           !lane.held.exchange(true, std::memory_order_acquire);
  }
  Lane* acquire_any() noexcept;
  std::optional<Room> reserve_span(std::size_t bytes) noexcept;
  bool refill(OpenChunk& chunk, ChunkUse use) noexcept;

  static inline std::atomic<std::uint32_t> next_favourite_{0};
  const std::uint32_t count_;
  std::unique_ptr<Lane[]> lanes_;
  Pool& pool_;
};

// Holds a lane, or none.
class LaneHold {
 public:
  LaneHold() noexcept = default;
  ~LaneHold() { release(); }
  LaneHold(const LaneHold&) = delete;
  LaneHold& operator=(const LaneHold&) = delete;
  // False: every lane is held by others.
  [[nodiscard]] bool acquire(Lanes& lanes) noexcept { return (lane_ = lanes.acquire()) != nullptr; }
  void release() noexcept {
    if (lane_ != nullptr) Lanes::release(*lane_);
    lane_ = nullptr;
  }
  [[nodiscard]] Lane& operator*() const noexcept { return *lane_; }

 private:
  Lane* lane_ = nullptr;
};

}  // namespace spillway
