#include "memory/arena.h"

#include <sys/mman.h>

#include "base/check.h"

namespace spillway {

Arena::Arena(std::size_t stride, std::uint32_t count) noexcept : stride_(stride), count_(count) {
  if (count == 0) return;
  void* base = ::mmap(nullptr, stride * count, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return;
  base_ = static_cast<std::byte*>(base);
  // Huge pages would make resident memory jump in 2 MiB steps that no budget line accounts for.
  ::madvise(base, stride * count, MADV_NOHUGEPAGE);
}

Arena::~Arena() {
  if (base_ != nullptr) ::munmap(base_, stride_ * count_);
}

void Arena::discard(std::uint32_t index, std::size_t bytes) noexcept {
  SPILL_CHECK(index < count_ && bytes <= stride_, "block outside of the arena");
  ::madvise(block(index), bytes, MADV_DONTNEED);
}

}  // namespace spillway
