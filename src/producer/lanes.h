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
  std::byte* base = nullptr;  // nullptr: none is open
  std::uint32_t used = 0;
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
  [[nodiscard]] Lane* acquire() noexcept;
  static void release(Lane& lane) noexcept { lane.held.store(false, std::memory_order_release); }

  // Room for a header and `body_bytes` behind it. nullopt: the pool has none now. The holder of the
  // lane.
  [[nodiscard]] std::optional<Room> reserve(Lane& lane, std::size_t body_bytes,
                                            ChunkUse use) noexcept;
  // A record that will not be published. Any thread.
  void give_back(const Room& room) noexcept {
    (void)pool_.release(room.descriptor.block, room.generation, 1);
  }

  // Waits for every lane once and closes its chunks.
  void close_all() noexcept;

 private:
  std::optional<Room> reserve_span(std::size_t bytes) noexcept;
  bool refill(OpenChunk& chunk, ChunkUse use) noexcept;

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
