// Counts what the process takes from the heap. Linking alloc_gate.cc into a test replaces malloc
// and its like, and with them operator new and the C libraries. glibc only; not under the
// sanitizers, which replace them too.
#pragma once

#include <cstdint>

namespace spillway {

// Calls of malloc, calloc, realloc and the aligned ones by any thread since the start.
[[nodiscard]] std::uint64_t allocations() noexcept;

// From construction on: allocations of the whole process.
class AllocGate {
 public:
  AllocGate() noexcept : before_(allocations()) {}
  [[nodiscard]] std::uint64_t count() const noexcept { return allocations() - before_; }

 private:
  const std::uint64_t before_;
};

}  // namespace spillway
