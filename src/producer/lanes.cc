#include "producer/lanes.h"

#include <sched.h>

namespace spillway {
namespace {

constexpr int kAcquireRounds = 64;  // with a yield between: the holder may be preempted

}  // namespace

Lane* Lanes::acquire_any() noexcept {
  const std::uint32_t begin = favourite();
  for (int round = 0; round < kAcquireRounds; ++round) {
    for (std::uint32_t i = 0; i < count_; ++i) {
      Lane& lane = lanes_[(begin + i) % count_];
      if (try_hold(lane)) return &lane;
    }
    ::sched_yield();
  }
  return nullptr;
}

bool Lanes::refill(OpenChunk& chunk, ChunkUse use) noexcept {
  // Closed first: its bytes may be the ones that the next chunk needs.
  if (chunk.base != nullptr) (void)pool_.close(chunk.id, chunk.generation, chunk.records);
  chunk = {};
  const auto block = pool_.open_chunk(use);
  if (!block) return false;
  chunk = {block->bytes.data(), 0, 0, block->id, block->generation};
  return true;
}

std::optional<Room> Lanes::reserve_span(std::size_t bytes) noexcept {
  const auto block = pool_.open_span(bytes);
  if (!block) return std::nullopt;
  (void)pool_.close(block->id, block->generation, 1);
  return Room{reinterpret_cast<RecordHeader*>(block->bytes.data()),
              {block->id, 0, block->generation},
              block->generation};
}

void Lanes::close_all() noexcept {
  for (std::uint32_t i = 0; i < count_; ++i) {
    while (!try_hold(lanes_[i])) ::sched_yield();  // holders publish and leave, they never wait
    for (OpenChunk* chunk : {&lanes_[i].small, &lanes_[i].large}) {
      if (chunk->base != nullptr) (void)pool_.close(chunk->id, chunk->generation, chunk->records);
      *chunk = {};
    }
    Lanes::release(lanes_[i]);
  }
}

}  // namespace spillway
