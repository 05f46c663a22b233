#include "testing/alloc_gate.h"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>

// glibc's own names: malloc is replaced, so that allocations of C libraries count too, and operator
// new comes here by itself.
// NOLINTBEGIN(bugprone-reserved-identifier): they are the C library's.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}
// NOLINTEND(bugprone-reserved-identifier)

namespace spillway {
namespace {
std::atomic<std::uint64_t> count{0};
}

std::uint64_t allocations() noexcept {
  return count.load(std::memory_order_relaxed);
}

}  // namespace spillway

extern "C" {

void* malloc(std::size_t size) {
  spillway::count.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}

void* calloc(std::size_t elements, std::size_t size) {
  spillway::count.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(elements, size);
}

void* realloc(void* old, std::size_t size) {
  spillway::count.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(old, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) {
  spillway::count.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
  spillway::count.fetch_add(1, std::memory_order_relaxed);
  *out = __libc_memalign(alignment, size);
  return *out == nullptr ? ENOMEM : 0;
}

}  // extern "C"
